"""The results of a run: gathered, kept in two files, and read again."""

from __future__ import annotations

import csv
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.support.dynamodb_local import MAVEN
from tests.support.trace import CHANGES, READ_PRICE, READS, REQUESTS, USERS, WRITE_PRICE

from .measure import FIRST_USER, PAUSE, Measurement, Times
from .sessions import content, pickled
from .stores import RAW, STORES

FOLDER = Path(__file__).parents[1] / "results"
SUMMARY, REQUEST_TIMES = FOLDER / "peers.json", FOLDER / "peers.csv"
LIBRARIES = [
    "backports.zstd",
    "beaker",
    "beaker-dynamodb",
    "boto3",
    "botocore",
    "flask",
    "flask-session",
    "pynamodb",
    "redis",
    "sqlalchemy",
]

#: What a file of results contains.
Results = dict[str, Any]


def gathered(
    measurements: Sequence[Measurement],
    touch: list[dict[str, Any]],
    sizes: list[dict[str, float]],
    codec: dict[str, dict[str, float]],
    load_before: float,
) -> Results:
    """The results as they are kept."""
    [raw] = [each.times for each in measurements if each.store.name == RAW]
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        "machine": _machine(load_before),
        "versions": _versions(),
        "skipped": {store.name: store.missing for store in STORES if store.missing},
        "trace": _trace(),
        "dollars_per_million": {"read unit": READ_PRICE, "write unit": WRITE_PRICE},
        "stores": [_summary(each, raw) for each in measurements],
        "touch_interval": touch,
        "bytes_of_a_session": sizes,
        "codec_microseconds": codec,
    }


def _trace() -> dict[str, int]:
    numbers = range(FIRST_USER, FIRST_USER + USERS)
    return {
        "users": USERS,
        "reads of each": READS,
        "changes of each": CHANGES,
        "requests": REQUESTS,
        "bytes of a session": round(
            statistics.mean(len(pickled(content(number), number)) for number in numbers)
        ),
        "seconds between two requests, for touch_interval": PAUSE,
    }


def _machine(load_before: float) -> dict[str, Any]:
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "load before": round(load_before, 1),
        "load after": round(os.getloadavg()[0], 1),
    }


def _cpu() -> str:
    described = Path("/proc/cpuinfo")
    if not described.exists():
        return platform.processor()
    lines = described.read_text(encoding="utf-8").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")


def _versions() -> dict[str, str]:
    programs = {
        "Python": platform.python_version(),
        "DynamoDB Local": MAVEN.name.rpartition("-")[2],
        "node": _printed("node", "--version"),
        "redis-server": _printed("redis-server", "--version"),
    }
    return {**programs, **{name: _version_of(name) for name in LIBRARIES}}


def _version_of(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


def _printed(program: str, argument: str) -> str:
    if shutil.which(program) is None:
        return "not installed"
    done = subprocess.run([program, argument], check=True, capture_output=True, text=True)
    found = re.search(r"\d+(\.\d+)+", done.stdout)
    return found[0] if found else done.stdout.strip()


def _summary(measurement: Measurement, raw: Sequence[Times]) -> dict[str, Any]:
    traffic = measurement.traffic
    return {
        "name": measurement.store.name,
        "family": measurement.store.family,
        "settings": measurement.store.settings,
        "calls": dict(traffic.calls),
        "calls_per_request": round(sum(traffic.calls.values()) / REQUESTS, 3),
        "read_units": traffic.read_units,
        "write_units": traffic.write_units,
        "usd_per_million_requests": round(traffic.dollars / REQUESTS, 4),
        "bytes_sent_per_request": round(traffic.sent / REQUESTS),
        "bytes_received_per_request": round(traffic.received / REQUESTS),
        "cpu_microseconds": _spread(measurement.times),
        "cpu_ratio": round(_ratio(measurement.times, raw), 3),
        "cpu_ratio_of_reads": round(_ratio(*map(_reads, (measurement.times, raw))), 3),
    }


def _spread(times: Sequence[Times]) -> dict[str, float]:
    each = [time for of_user in times for time in of_user]
    hundredths = statistics.quantiles(each, n=100)
    return {
        "mean": round(statistics.mean(each)),
        "median": round(hundredths[49]),
        "p90": round(hundredths[89]),
        "p99": round(hundredths[98]),
    }


def _ratio(times: Sequence[Times], raw: Sequence[Times]) -> float:
    """The median over the users, whose requests were made in turn."""
    return statistics.median(
        sum(ours) / sum(others) for ours, others in zip(times, raw, strict=True)
    )


def _reads(times: Sequence[Times]) -> list[Times]:
    """Without the login before the reads, and the changes and the logout after them."""
    return [of_user[1 : 1 + READS] for of_user in times]


def keep(results: Results, measurements: Sequence[Measurement]) -> None:
    """Write the summary, and the CPU time of each request."""
    FOLDER.mkdir(exist_ok=True)
    SUMMARY.write_text(f"{json.dumps(results, indent=1)}\n", encoding="utf-8")
    reads = [f"read {n}" for n in range(READS)]
    changes = [f"change {n}" for n in range(CHANGES)]
    with REQUEST_TIMES.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["store", "user", "login", *reads, *changes, "logout"])
        for measurement in measurements:
            for user, times in enumerate(measurement.times):
                writer.writerow([measurement.store.name, user, *times])


def kept() -> Results:
    """The results of the run that is in the repository."""
    results: Results = json.loads(SUMMARY.read_text(encoding="utf-8"))
    return results
