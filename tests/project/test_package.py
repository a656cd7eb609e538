"""The package as a whole: its names, its log, its processes and threads."""

import logging
import os
import subprocess
import sys
import threading
from typing import Any

import pytest

import beaker_dynamodb
from beaker_dynamodb import DynamoDBNamespaceManager, session_model
from beaker_dynamodb.testing.site import Site
from tests.support.pages import count, log_out, read
from tests.support.wire import Wire


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**kept, **environment},
    )


class TestNames:
    @pytest.mark.parametrize("name", beaker_dynamodb.__all__)
    def test_are_there(self, name: str) -> None:
        assert getattr(beaker_dynamodb, name).__class__

    def test_are_listed(self) -> None:
        assert set(beaker_dynamodb.__all__) <= set(dir(beaker_dynamodb))

    def test_that_are_unknown_are_an_error(self) -> None:
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            beaker_dynamodb.nothing  # type: ignore[attr-defined]  # noqa: B018

    def test_import_botocore_only_when_used(self) -> None:
        program = "import sys, beaker_dynamodb; print('botocore' in sys.modules)"
        assert run(program).stdout.strip() == "False"

    def test_are_found_by_beaker_through_the_entry_point(self) -> None:
        program = "from beaker.cache import clsmap; print(clsmap['ext:dynamodb'].__name__)"
        assert run(program).stdout.strip() == "DynamoDBNamespaceManager"


class TestTheLog:
    PROGRAM = (
        "import moto; moto.mock_aws().start()\n"
        "from beaker_dynamodb import DynamoDBNamespaceManager\n"
        "'session' in DynamoDBNamespaceManager('a-secret-session-id', region='us-east-1')"
    )

    def test_shows_each_call_on_stderr_if_asked(self) -> None:
        shown = run(self.PROGRAM, BEAKER_DYNAMODB_DEBUG="true").stderr
        assert "beaker_dynamodb.table GetItem" in shown
        assert "not found" in shown

    def test_shows_nothing_by_default(self) -> None:
        assert run(self.PROGRAM).stderr == ""

    @pytest.mark.usefixtures("create_table")
    @pytest.mark.parametrize("hash_ids", [True, False])
    def test_never_holds_an_id_a_value_or_a_key(
        self, dynamodb: Any, clock: Any, caplog: pytest.LogCaptureFixture, hash_ids: bool
    ) -> None:
        def secret(session: Any) -> None:
            session["n"] = "a-secret-value"
            session.save()

        site = Site(dynamodb.options, hash_ids=hash_ids)
        ids = set()
        with caplog.at_level(logging.DEBUG, "beaker_dynamodb"):
            for page in (count, secret, read, log_out, read, secret):
                site.request(page)
                ids.add(site.cookie)
                clock.advance(40)
        assert "GetItem" in caplog.text
        assert "a-secret-value" not in caplog.text
        for session_id in filter(None, ids):
            assert session_id[:9] not in caplog.text


@pytest.mark.usefixtures("create_table")
class TestConnections:
    def test_are_shared_by_all_users_of_a_table(self, dynamodb: Any) -> None:
        assert session_model(**dynamodb.options) is session_model(**dynamodb.options, ttl=5)
        assert session_model(**dynamodb.options) is not session_model(
            **{**dynamodb.options, "table_name": "another"}
        )

    def test_are_made_on_first_use(self, dynamodb: Any, wire: Wire) -> None:
        with wire.expect():
            DynamoDBNamespaceManager("x", **{**dynamodb.options, "table_name": "never-used"})

    def test_serve_many_threads_with_one_client(self, dynamodb: Any) -> None:
        options = {**dynamodb.options, "max_pool_connections": 8}
        barrier = threading.Barrier(8)
        clients: set[int] = set()

        def read() -> None:
            barrier.wait()
            assert "session" not in DynamoDBNamespaceManager("x", **options)
            connection = session_model(**options).table_connection().connection
            clients.add(id(connection.client))

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(clients) == 1

    @pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
    def test_of_a_forked_worker_are_its_own(self, dynamodb: Any) -> None:
        model = session_model(**dynamodb.options)
        parents = model.table_connection().connection.client
        assert "session" not in DynamoDBNamespaceManager("x", **dynamodb.options)
        child = os.fork()
        if child == 0:
            found = "session" in DynamoDBNamespaceManager("x", **dynamodb.options)
            own = model.table_connection().connection.client is not parents
            os._exit(0 if own and not found else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert model.table_connection().connection.client is parents
        assert "session" not in DynamoDBNamespaceManager("x", **dynamodb.options)

    def test_identify_this_package_in_the_user_agent(self, dynamodb: Any) -> None:
        client = session_model(**dynamodb.options).table_connection().connection.client
        assert client.meta.config.user_agent.startswith(
            f"beaker-dynamodb/{beaker_dynamodb.__version__} "
        )


class TestWithoutConfiguration:
    @pytest.mark.parametrize(
        ("options", "hint"),
        [
            ({}, "set region and credentials"),
            ({"region": "us-east-1"}, "set region and credentials"),
            ({"region": "us-east-1", "profile": "unknown"}, "set region and credentials"),
            ({"region": "not a region"}, "set region and credentials"),
        ],
    )
    def test_a_request_is_an_error_that_says_what_to_set(
        self, options: dict[str, str], hint: str
    ) -> None:
        site = Site({**options, "table_name": "unconfigured"}, max_retries=0)
        with pytest.raises(beaker_dynamodb.ConfigurationError, match=hint):
            site.request(count)
