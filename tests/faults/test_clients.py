"""Threads, greenlets, forked workers and renewed credentials, over both clients."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from beaker_dynamodb import session_model
from tests.support.fork import in_a_forked_worker
from tests.support.internals import DynamoDBConnection, connection_of, forget_connections
from tests.support.scripted import Request, ScriptedServer, checked, scripted_server

THREADS = 16
CALLS = 20


def echo(request: Request) -> bytes:
    """The item whose key the request names."""
    return checked({"Item": json.loads(request.body)["Key"]})


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server(echo) as server:
        yield server


@pytest.fixture(params=["lean", pytest.param("botocore", marks=pytest.mark.exhaustive)])
def options(request: pytest.FixtureRequest, server: ScriptedServer) -> dict[str, Any]:
    """The options of a table of the server, for each client."""
    forget_connections()
    place = {"region": "us-east-1", "endpoint_url": server.url, "client": request.param}
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "max_pool_connections": THREADS}
    return {**place, **keys, "table_name": f"table-{uuid4().hex}", "create_table": False}


def found(connection: DynamoDBConnection, key: str) -> str:
    """The partition key of the item that is returned for a key."""
    answer = connection.get_item(connection.options.table_name, key, "session")
    return str(answer["Item"]["id"]["S"])


def mixed_up(
    connection: DynamoDBConnection, calls: int = CALLS, number: int = THREADS
) -> list[str]:
    """The answers that belong to other calls, of calls in many threads."""
    wrong = list[str]()

    def run() -> None:
        for _ in range(calls):
            key = uuid4().hex
            answer = found(connection, key)
            if answer != key:
                wrong.append(answer)

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


class TestThreads:
    def test_get_their_own_answers_over_few_connections(
        self, options: dict[str, Any], server: ScriptedServer
    ) -> None:
        assert mixed_up(connection_of(session_model(**options))) == []
        assert server.opened <= THREADS

    def test_get_their_own_answers_while_connections_are_closed(
        self, options: dict[str, Any]
    ) -> None:
        connection, done = connection_of(session_model(**options)), threading.Event()

        def close() -> None:
            while not done.wait(0.001):
                random.choice([connection.shared.close, close_idle])()

        def close_idle() -> None:
            connection.shared.replace_connections(time.monotonic())

        closing = threading.Thread(target=close)
        closing.start()
        try:
            assert mixed_up(connection) == []
        finally:
            done.set()
            closing.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_worker_uses_none_of_its_parents_connections(
    options: dict[str, Any], server: ScriptedServer
) -> None:
    connection = connection_of(session_model(**options))
    assert found(connection, "parent") == "parent"
    answers = in_a_forked_worker(lambda: [found(connection, f"child {n}") for n in range(3)])
    assert answers == "['child 0', 'child 1', 'child 2']"
    assert found(connection, "parent again") == "parent again"
    assert server.opened == 2


ISSUE = """
import datetime, json, time
name = time.time_ns()
soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1)
print(json.dumps({
    "Version": 1, "AccessKeyId": f"key-{name}", "SecretAccessKey": "hidden",
    "SessionToken": f"token-{name}", "Expiration": soon.isoformat(),
}))
"""


def test_credentials_that_expire_under_load_are_renewed_before(
    options: dict[str, Any],
    server: ScriptedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # botocore renews credentials that expire within ten minutes before each call.
    script, config = tmp_path / "issue.py", tmp_path / "config"
    script.write_text(ISSUE, encoding="utf-8")
    process = f"credential_process = {sys.executable} {script}"
    config.write_text(f"[default]\n{process}\n", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    keys, tokens = list[str](), list[str]()

    def note(request: Request) -> bytes:
        keys.append(re.findall(r"Credential=key-(\d+)/", request.headers["authorization"])[0])
        tokens.append(request.headers["x-amz-security-token"].removeprefix("token-"))
        return echo(request)

    server.script = note
    given = {name: value for name, value in options.items() if "aws" not in name}
    assert mixed_up(connection_of(session_model(**given)), calls=2, number=4) == []
    assert keys == tokens
    assert len(set(keys)) > 2


GREENLETS = """
import gevent.monkey
gevent.monkey.patch_all()
import json, sys
import gevent
from beaker_dynamodb import session_model
from beaker_dynamodb.table.bind import connection_of
options = json.loads(sys.argv[1])
connection = connection_of(session_model(**options))

def found(key):
    return connection.get_item(options["table_name"], key, "session")["Item"]["id"]["S"]

def give_up(key):
    with gevent.Timeout(0.02, False):
        found(key)

assert found("first") == "first"
for round in range(3):
    keys = [f"{round} {number}" for number in range(20)]
    gevent.joinall([gevent.spawn(give_up, f"given up {key}") for key in keys], raise_error=True)
    answers = [gevent.spawn(found, key) for key in keys]
    gevent.joinall(answers, raise_error=True)
    assert [answer.value for answer in answers] == keys
print(connection.shared.lean is not None)
"""


def test_greenlets_get_their_own_answers_and_wait_at_the_same_time(
    options: dict[str, Any], server: ScriptedServer
) -> None:
    pytest.importorskip("gevent")
    waiting, most = [0], [0]

    def slowly(request: Request) -> bytes:
        waiting[0] += 1
        most[0] = max(most[0], waiting[0])
        time.sleep(0.05)
        waiting[0] -= 1
        return echo(request)

    server.script = slowly
    program = [sys.executable, "-c", GREENLETS, json.dumps(options)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == (str(options["client"] == "lean"), "")
    assert most[0] > 10
