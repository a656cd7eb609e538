"""What 1,000 renewed session tokens, given as options, leave in this process.

    python benchmarks/renewals.py [--endpoint-url URL] [--renewals 1000]

Each renewal builds a cache with a session token of its own, as an application does that renews its
temporary credentials itself, and looks a value up.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from beaker.cache import Cache

from beaker_dynamodb import create_table
from tests.support.dynamodb_local import running_dynamodb_local


class Footprint(NamedTuple):
    """What this process occupies after some renewals: open sockets, and bytes of memory."""

    count: int
    sockets: int
    memory: int


def main() -> None:
    """Print a table for the documentation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint-url")
    parser.add_argument("--renewals", type=int, default=1_000)
    given = parser.parse_args()
    if given.endpoint_url:
        report(given.endpoint_url, given.renewals)
    else:
        with running_dynamodb_local() as endpoint_url:
            report(endpoint_url, given.renewals)


def report(endpoint_url: str, renewals: int) -> None:
    """Renew, and print what is open after each tenth."""
    print("| renewals | sockets | RSS |")
    print("| --- | --- | --- |")
    for found in renewed(endpoint_url, renewals):
        print(f"| {found.count:,} | {found.sockets} | {found.memory / 2**20:.0f} MiB |")


def renewed(endpoint_url: str, renewals: int) -> Iterator[Footprint]:
    """Renew, and measure after each tenth."""
    options = {
        "endpoint_url": endpoint_url,
        "region": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "table_name": f"renewals-{uuid.uuid4().hex}",
    }
    create_table(**options)
    for number in range(renewals + 1):
        cache = Cache("renewed", type="ext:dynamodb", **options, aws_session_token=str(number))
        cache.get("a", createfunc=lambda: "made")
        if number % (renewals // 10) == 0:
            yield footprint(number)


def footprint(count: int) -> Footprint:
    """What this process occupies now."""
    gc.collect()
    return Footprint(count, sockets(), resident())


def sockets() -> int:
    """The sockets that this process has open."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sum(str(link.readlink()).startswith("socket:") for link in links)


def resident() -> int:
    """Bytes of memory that this process occupies."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
