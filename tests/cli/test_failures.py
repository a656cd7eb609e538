"""Every command through its real entry point, and every way it can fail: one line, no traceback."""

import os
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from beaker_dynamodb import DynamoDBSession, __main__, create_table
from beaker_dynamodb.cli.commands import command
from beaker_dynamodb.options import names_of
from beaker_dynamodb.testing.site import Site
from tests.support.dynamodb_local import free_port

SCRIPT = Path(sysconfig.get_path("scripts")) / "beaker-dynamodb"
#: Commands that call DynamoDB, with what they need besides a table.
CALLING: dict[str, list[str]] = {
    "create-table": [],
    "delete": ["0123456789abcdef0123456789abcdef", "--yes"],
    "end-sessions": ["--user-id", "42", "--yes"],
    "purge": ["--yes"],
    "sessions": ["--user-id", "42"],
    "show": ["0123456789abcdef0123456789abcdef"],
    "stats": [],
}
#: Commands that print without a call.
PRINTING = ("cdk", "cloudformation", "iam-policy", "terraform")
#: Tested elsewhere: they find, serve until they are stopped, or call nothing.
OTHERS = ("demo", "doctor", "migrate", "plan", "train")
NO_RETRIES = ["--max-retries=0", "--connect-timeout=1", "--read-timeout=2"]

each_calling = pytest.mark.parametrize("name", CALLING)
local_alone = pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)


def run(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    settings = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    start = [str(SCRIPT)] if SCRIPT.exists() else [sys.executable, "-m", "beaker_dynamodb"]
    return subprocess.run(
        [*start, name, *arguments],
        env={**kept, **settings, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_one_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("Error: ")
    for word in words:
        assert word in done.stderr


@pytest.fixture
def place(dynamodb: Any) -> list[str]:
    pairs = {k: v for k, v in dynamodb.options.items() if k not in names_of("secret")}
    return [f"--{name.replace('_', '-')}={value}" for name, value in pairs.items()]


@pytest.fixture
def refusing() -> Iterator[str]:
    """The endpoint of a server that refuses every call, as AWS words it."""

    class Refusal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            message = (
                "User: arn:aws:iam::123456789012:user/web is not authorized to perform: "
                f"dynamodb:{operation} on resource: arn:aws:dynamodb:us-east-1:123456789012:"
                "table/beaker because no identity-based policy allows it"
            )
            kind = "com.amazon.coral.service#AccessDeniedException"
            body = f'{{"__type": "{kind}", "Message": "{message}"}}'.encode()
            self.send_response(400)
            self.send_header("x-amzn-RequestId", "1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Refusal) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_every_command_is_tried_here() -> None:
    assert set(command.commands) <= {*CALLING, *PRINTING, *OTHERS}


class TestARun:
    @local_alone
    @each_calling
    def test_succeeds(self, dynamodb: Any, place: list[str], name: str) -> None:
        options = {**dynamodb.options, "index_keys": "user_id"}
        create_table(**options)
        ada = Site(options, session_class=DynamoDBSession).visitor(user_id=42)
        session_id = ada.read_id()
        given = [session_id if len(word) == 32 else word for word in CALLING[name]]
        done = run(name, *place, "--index-keys=user_id", *given)
        assert done.returncode == 0, done.stderr
        assert done.stdout
        assert session_id not in done.stdout + done.stderr
        ends = name in {"delete", "end-sessions"}
        assert ada.read() == ({} if ends else {"user_id": 42})

    @pytest.mark.parametrize("name", PRINTING)
    def test_prints_without_credentials(self, name: str) -> None:
        done = run(name, "--region=eu-west-1", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
        assert done.returncode == 0, done.stderr
        assert "beaker" in done.stdout


@each_calling
class TestAFailure:
    def test_for_a_wrong_option(self, name: str) -> None:
        done = run(name, "--tabel-name=x", *CALLING[name])
        assert_one_line(done, 2, "" if name.endswith("sessions") else "No such option")

    def test_for_a_wrong_value(self, name: str) -> None:
        done = run(name, "--table-name=no table!", *CALLING[name])
        assert_one_line(done, 2, "option table_name must be")

    def test_for_a_missing_file(self, name: str) -> None:
        assert_one_line(run(name, "--ini=nowhere.ini", *CALLING[name]), 2, "nowhere.ini is no file")

    def test_without_credentials(self, name: str) -> None:
        arguments = ["--region=eu-west-1", "--index-keys=user_id", *CALLING[name]]
        done = run(name, *arguments, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
        assert_one_line(done, 2, "Unable to locate credentials")

    def test_while_dynamodb_is_down(self, name: str) -> None:
        endpoint = f"--endpoint-url=http://127.0.0.1:{free_port()}"
        arguments = ["--region=eu-west-1", "--index-keys=user_id", endpoint, *NO_RETRIES]
        done = run(name, *arguments, *CALLING[name])
        assert_one_line(done, 1, "DynamoDB could not be reached", "127.0.0.1")

    def test_without_permission(self, name: str, refusing: str) -> None:
        arguments = ["--region=us-east-1", "--index-keys=user_id", f"--endpoint-url={refusing}"]
        done = run(name, *arguments, *CALLING[name])
        assert_one_line(done, 1, "user/web is not authorized to perform", "dynamodb:")


@local_alone
@pytest.mark.parametrize("name", [name for name in CALLING if name != "create-table"])
def test_a_missing_table_is_an_error_and_is_not_created(
    dynamodb: Any, place: list[str], name: str
) -> None:
    done = run(name, *place, "--index-keys=user_id", *CALLING[name])
    assert_one_line(done, 1, "the table is missing", "beaker-dynamodb create-table")
    assert run("stats", *place).returncode == 1


def test_a_question_without_an_answer_destroys_nothing() -> None:
    done = run("purge", "--region=eu-west-1")
    assert done.returncode == 1
    assert "delete what expired" in done.stderr
    assert "Error: stopped: nothing was changed (--yes does not ask)" in done.stderr


def test_ctrl_c_while_the_command_is_imported_is_an_interruption(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Interrupted(ModuleType):
        def __getattr__(self, name: str) -> None:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "beaker_dynamodb.cli.commands", Interrupted("commands"))
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == 130


def test_ctrl_c_at_a_question_is_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(click.termui, "visible_prompt_func", interrupt)
    with pytest.raises(SystemExit) as ended:
        command.main(["purge", "--region=eu-west-1"], "beaker-dynamodb")
    assert ended.value.code == 130
