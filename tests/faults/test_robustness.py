"""Odd or foreign input: answers, items, cache values and options."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from beaker.cache import Cache
from beaker.middleware import SessionMiddleware
from beaker.session import Session

from beaker_dynamodb import ConfigurationError, StoreUnavailable, session_model
from beaker_dynamodb.testing.site import Site
from tests.support.internals import forget_connections, parse_options
from tests.support.pages import count, read
from tests.support.tables import stored_sessions
from tests.support.wire import Wire


def ignored_warnings() -> Any:
    return pytest.warns(match="Invalidating corrupt session")


PLAIN_EXCEPTIONS = [ValueError("json"), OSError("no token file"), AttributeError("no dict")]


@pytest.mark.usefixtures("create_table")
@pytest.mark.parametrize("fault", PLAIN_EXCEPTIONS, ids=lambda fault: type(fault).__name__)
class TestPlainExceptionsOfTheClientLibrary:
    def test_are_no_logout(self, dynamodb: Any, wire: Wire, fault: Exception) -> None:
        site = Site(dynamodb.options)
        site.request(count)
        wire.fail_next("GetItem", fault)
        with pytest.raises(StoreUnavailable), ignored_warnings():
            site.request(read)
        assert site.request(read) == 1

    def test_never_fail_a_touch(
        self, dynamodb: Any, wire: Wire, clock: Any, fault: Exception
    ) -> None:
        site = Site(dynamodb.options)
        site.request(count)
        clock.advance(60)
        wire.fail_next("PutItem", fault)
        assert site.request(read) == 1


class TestAnAnswerThatIsNotDynamoDBs:
    """A proxy's page, or another service at a mistyped port, with status 200."""

    @pytest.fixture(params=[b"<html>", b"", b"{}", b"[]", b"null", b'{"Item": 5}'])
    def options(self, request: pytest.FixtureRequest) -> Iterator[dict[str, object]]:
        class Page(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Length", str(len(request.param)))
                self.end_headers()
                self.wfile.write(request.param)

            def log_message(self, *_: object) -> None: ...

        server = HTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield {
            "endpoint_url": f"http://127.0.0.1:{server.server_port}",
            "region": "us-east-1",
            "aws_access_key_id": "x",
            "aws_secret_access_key": "x",
            "max_retries": 0,
        }
        server.shutdown()
        server.server_close()

    def test_does_not_count_as_a_missing_session(self, options: dict[str, object]) -> None:
        with pytest.raises(StoreUnavailable):
            Session({}, id="an-id", use_cookies=False, type="ext:dynamodb", **options)

    def test_does_not_count_as_a_saved_session(self, options: dict[str, object]) -> None:
        session = Session({}, use_cookies=False, type="ext:dynamodb", **options)
        session["n"] = 1
        with pytest.raises(StoreUnavailable):
            session.save()


def test_a_session_with_a_given_id_is_deleted(dynamodb: Any, create_table: None) -> None:
    options = {**dynamodb.options, "type": "ext:dynamodb", "use_cookies": False}
    session = Session({}, id="an-id", **options)
    session["user"] = "alice"
    session.save()
    other = Session({}, **options)
    other.id = "an-id"
    other.delete()
    other.save()
    assert stored_sessions(dynamodb) == []


def test_a_forked_worker_makes_its_own_credentials_and_locks(dynamodb: Any) -> None:
    connection = session_model(**dynamodb.options).table_connection().connection
    before = connection.client
    forget_connections()
    assert connection.client is not before


@pytest.mark.usefixtures("create_table")
class TestForeignItems:
    @pytest.fixture
    def cache(self, dynamodb: Any) -> Cache:
        cache = Cache("numbers", type="ext:dynamodb", **dynamodb.options)
        cache.put("good", 1)
        client = session_model(**dynamodb.options).table_connection().connection.client
        odd = [
            {"touched": {"S": "yesterday"}},
            {"touched": {"N": "1"}, "expires": {"N": "1e30"}},
            {"expires": {"N": "1"}},
            {"key": {"S": "no bytes"}, "touched": {"N": "1"}},
        ]
        for number, attributes in enumerate(odd):
            keys = {"id": {"S": "numbers"}, "item": {"S": f"odd{number}"}}
            client.put_item(TableName=dynamodb.options["table_name"], Item={**keys, **attributes})
        return cache

    def test_are_no_keys(self, cache: Cache) -> None:
        assert cache.namespace.keys() == [b"good"]

    def test_are_misses(self, cache: Cache) -> None:
        assert [cache.get(f"odd{number}", createfunc=lambda: 2) for number in range(4)] == [2] * 4

    def test_are_cleared(self, cache: Cache, dynamodb: Any) -> None:
        cache.clear()
        assert list(session_model(**dynamodb.options).scan()) == []


class Ungrateful:
    def __setstate__(self, state: object) -> None:
        raise RuntimeError("gone")

    def __getstate__(self) -> object:
        return 1


@pytest.mark.usefixtures("create_table")
class TestCacheValues:
    def test_whose_class_raises_any_error_are_misses(self, dynamodb: Any) -> None:
        cache = Cache("n", type="ext:dynamodb", **dynamodb.options)
        cache.put("a", Ungrateful())
        assert cache.get("a", createfunc=lambda: 2) == 2

    @pytest.mark.parametrize("expire", [sys.maxsize, float("inf"), 1e30])
    def test_can_live_for_ever(self, dynamodb: Any, expire: float) -> None:
        cache = Cache("n", type="ext:dynamodb", **dynamodb.options)
        cache.put("a", 1, expiretime=expire)
        assert cache.get("a") == 1

    def test_are_read_again_after_an_extra_release_of_the_read_lock(
        self, dynamodb: Any, wire: Wire
    ) -> None:
        cache = Cache("n", type="ext:dynamodb", **dynamodb.options)
        cache.put("a", 1)
        cache.namespace.acquire_read_lock()
        cache.namespace.release_read_lock()
        cache.namespace.release_read_lock()
        with wire.expect("GetItem", "GetItem"):
            assert b"a" in cache.namespace
            assert b"a" in cache.namespace
        with wire.expect("GetItem"):
            assert cache.get("a") == 1


class TestKeywordsOfTheMiddleware:
    def test_may_be_dotted(self, dynamodb: Any, create_table: None) -> None:
        dotted = {f"session.{name}": value for name, value in dynamodb.options.items()}
        kept: list[int] = []

        def page(environ: Any, start_response: Any) -> list[bytes]:
            kept.append(count(environ["beaker.session"]))
            start_response("200 OK", [])
            return []

        application = SessionMiddleware(page, {}, **{"session.type": "ext:dynamodb", **dotted})
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
        application(environ, lambda *_: None)
        assert kept == [1]


class TestUrls:
    def test_keep_the_plus_of_a_secret(self) -> None:
        url = "dynamodb:///?aws_access_key_id=a&aws_secret_access_key=ab+cd/e%3D"
        assert parse_options({"url": url}).aws_secret_access_key == "ab+cd/e="

    def test_with_two_names_for_one_option_are_an_error(self) -> None:
        with pytest.raises(ConfigurationError, match="endpoint_url and host are the same option"):
            parse_options({"endpoint_url": "http://a", "host": "http://b"})

    @pytest.mark.parametrize(
        "endpoint", ["http://a b", "http://h:99999", "http://user:pw@h", "http://["]
    )
    def test_that_name_an_endpoint_are_checked(self, endpoint: str) -> None:
        with pytest.raises(ConfigurationError, match="must be a URL such as") as caught:
            parse_options({"endpoint_url": endpoint})
        assert "pw" not in str(caught.value)

    def test_with_numbers_out_of_range_are_an_error(self) -> None:
        with pytest.raises(ConfigurationError, match="touch_interval must be a number"):
            parse_options({"touch_interval": 10**400})
