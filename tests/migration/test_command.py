"""`beaker-dynamodb migrate`, in a process of its own."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from beaker_dynamodb.options import names_of
from tests.support.tables import stored_items

from .conftest import OldBackend, on_dynamodb_local

pytestmark = [
    pytest.mark.usefixtures("create_table"),
    on_dynamodb_local,
    pytest.mark.parametrize("old_backend", ["redis"], indirect=True),
]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(dynamodb: Any, old_backend: OldBackend, tmp_path: Path) -> Start:
    """Starts the command with an ini file."""
    options = {"type": "ext:dynamodb", **dynamodb.options, **old_backend.fallback}
    public = {name: value for name, value in options.items() if name not in names_of("secret")}
    public["fallback_url"] = old_backend.beakers["url"]
    lines = [f"session.{name} = {value}" for name, value in public.items()]
    ini = tmp_path / "site.ini"
    ini.write_text("\n".join(["[app:main]", *lines, ""]), encoding="utf-8")
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

    def run(*arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "beaker_dynamodb", "migrate", "--ini", f"{ini}"]
        pipe = subprocess.PIPE
        environment = {**os.environ, **keys}
        return subprocess.Popen(
            [*command, *arguments], stdout=pipe, stderr=pipe, text=True, env=environment
        )

    return run


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    with process:
        output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


def put_sessions(url: str, number: int) -> None:
    """Store sessions as Beaker does, faster."""
    with redis.Redis.from_url(url).pipeline() as pipeline:
        for _ in range(number):
            now = time.time()
            content = {"_creation_time": now, "_accessed_time": now, "user": "alice"}
            text = b64encode(pickle.dumps(content, 2)).decode()
            pipeline.set(f"beaker_cache:{uuid4().hex}:session", pickle.dumps(text))
        pipeline.execute()


def test_says_what_it_has_stored(start: Start, redis_url: str, dynamodb: Any) -> None:
    put_sessions(redis_url, 3)
    code, output, errors = finish(start("--dry-run"))
    assert (code, errors) == (0, "")
    assert "nothing was stored" in output
    assert stored_items(dynamodb) == []
    code, output, errors = finish(start())
    assert (code, errors) == (0, "")
    assert "3  stored, under the same id" in output.replace("│", "").replace("   ", " ")
    assert len(stored_items(dynamodb)) == 3


def test_prints_json(start: Start, redis_url: str) -> None:
    put_sessions(redis_url, 2)
    code, output, _ = finish(start("--json"))
    assert code == 0
    assert json.loads(output) == {
        **dict.fromkeys(["present", "expired", "unreadable", "too_large"], 0),
        **dict.fromkeys(["entries", "read", "stored"], 2),
    }


def test_goes_on_after_ctrl_c(start: Start, redis_url: str, dynamodb: Any) -> None:
    put_sessions(redis_url, 400)
    process = start("--threads", "1")
    while process.poll() is None and not stored_items(dynamodb):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    code, _, errors = finish(process)
    assert code == 130
    assert errors.count("\n") == 1
    first = len(stored_items(dynamodb))
    assert errors.startswith(f"Error: interrupted, {first} sessions are stored: ")
    assert 0 < first < 400
    code, output, _ = finish(start("--json"))
    done = json.loads(output)
    assert (code, done["present"], done["stored"]) == (0, first, 400 - first)
    assert len(stored_items(dynamodb)) == 400


class TestAFailure:
    def test_is_one_line_and_a_code(self, start: Start) -> None:
        gone = start("--fallback-url", "redis://:secret@127.0.0.1:1/0")
        wrong = start("--fallback-type", "ext:radish")
        missing = start("--table-name", "missing")
        ends = [finish(process) for process in (gone, wrong, missing)]
        assert [code for code, _, _ in ends] == [1, 2, 0]
        assert [errors.count("\n") for _, _, errors in ends] == [1, 1, 0]
        assert "secret" not in ends[0][2]

    def test_names_a_missing_table(self, start: Start, redis_url: str) -> None:
        put_sessions(redis_url, 1)
        code, _, errors = finish(start("--table-name", "missing"))
        assert (code, errors.count("\n")) == (1, 1)
        assert "beaker-dynamodb create-table" in errors

    def test_of_one_session_is_code_3(self, start: Start, redis_url: str) -> None:
        redis.Redis.from_url(redis_url).set(f"beaker_cache:{uuid4().hex}:session", b"no pickle")
        code, output, _ = finish(start())
        assert code == 3
        assert "in no form that Beaker writes" in output
