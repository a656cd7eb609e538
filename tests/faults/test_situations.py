"""Problems around a table: each is a clear error that names the table and says what to do."""

import socket
from collections.abc import Callable
from functools import partialmethod
from pathlib import Path
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import (
    ConfigurationError,
    StoreUnavailable,
    TableError,
    create_table,
    session_model,
)
from beaker_dynamodb.testing.site import Site
from tests.faults.conftest import Pauses, TimeLimit
from tests.support import proxy as faults
from tests.support.internals import TableDefinition, forget_connections, parse_options
from tests.support.pages import count, read
from tests.support.proxy import Answer, Exchange, Proxy
from tests.support.wire import Wire


class TestTheWorstCase:
    def test_of_a_call_is_under_15_seconds(self) -> None:
        assert parse_options({}).longest_call == 1 + 3 * 4 + 0.5 + 1

    def test_of_a_call_follows_from_the_options(self) -> None:
        options = {"connect_timeout": 0.5, "read_timeout": 1, "max_retries": 7}
        pauses = 0.5 + 1 + 2 + 4 + 8 + 10 + 10
        assert parse_options(options).longest_call == 0.5 + 8 * 1.5 + pauses
        assert parse_options({**options, "max_retries": 0}).longest_call == 0.5 + 1.5

    def test_is_not_extended_by_dynamodbs_retry_header(
        self, proxied_options: dict[str, Any], proxy: Proxy, pauses: Pauses, time_limit: TimeLimit
    ) -> None:
        def asks_for_a_minute(exchange: Exchange) -> None:
            headers = {"x-amzn-requestid": "injected", "x-amz-retry-after": "60000"}
            exchange.answer(Answer(503, headers, b"{}"))

        proxy.inject(asks_for_a_minute, "GetItem", 2)
        site = Site(proxied_options)
        site.use_cookie("unknown")
        with time_limit:
            assert site.request(read) is None
        assert pauses.total < 3


@pytest.mark.parametrize("status", [200, 204, 301, 302, 400, 403, 404, 413, 429, 500, 501, 503])
def test_a_web_page_is_an_outage_whatever_its_status(
    proxied_options: dict[str, Any], proxy: Proxy, status: int
) -> None:
    def web_page(exchange: Exchange) -> None:
        exchange.answer(Answer(status, {"content-type": "text/html"}, b"<html>secret</html>"))

    site = Site({**proxied_options, "max_retries": 0})
    site.request(count)
    cookie = site.cookie
    proxy.inject(web_page, "GetItem")
    with pytest.raises(StoreUnavailable, match=r"without a request id.*check endp") as no:
        site.request(read)
    assert (f"status {status}" in str(no.value), "secret" in str(no.value)) == (True, False)
    assert (site.request(read), site.cookie) == (1, cookie)


@pytest.mark.usefixtures("create_table")
class TestAnErrorOfDynamoDB:
    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_with_an_unknown_code_is_an_outage(
        self, dynamodb: Any, wire: Wire, status: int
    ) -> None:
        site = Site(dynamodb.options, max_retries=0)
        site.request(count)
        wire.fail_next("GetItem", (status, "SomethingNewException"))
        with pytest.raises(StoreUnavailable, match="SomethingNewException"):
            site.request(read)
        assert site.request(read) == 1

    @pytest.mark.parametrize("operation", ["GetItem", "UpdateItem"])
    def test_that_denies_access_is_no_miss(self, dynamodb: Any, wire: Wire, operation: str) -> None:
        cache = Cache("c", type="ext:dynamodb", on_outage="miss", **dynamodb.options)
        wire.fail_next(operation, (400, "AccessDeniedException"))
        with pytest.raises(TableError, match="access was denied"):
            cache.get("a", createfunc=lambda: 1)


def test_an_endpoint_without_tls_is_an_error_with_a_hint(
    proxied_options: dict[str, Any], proxy: Proxy
) -> None:
    wrong = proxy.url.replace("http:", "https:")
    site = Site({**proxied_options, "endpoint_url": wrong, "max_retries": 0})
    with pytest.raises(StoreUnavailable, match=r"could not be reached.*check region, endpoint_url"):
        site.request(count)


def test_an_altered_answer_without_a_retry_is_an_outage(
    proxied_options: dict[str, Any], proxy: Proxy
) -> None:
    site = Site({**proxied_options, "max_retries": 0})
    site.request(count)
    proxy.inject(faults.answer_altered, "GetItem")
    with pytest.raises(StoreUnavailable):
        site.request(read)
    assert site.request(read) == 1


class TestAnEndpoint:
    @pytest.fixture
    def without_dns(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def getaddrinfo(*_: Any, **__: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    @pytest.mark.usefixtures("without_dns")
    @pytest.mark.parametrize("endpoint_url", [None, "http://no-such-host.example:8000"])
    def test_with_an_unknown_host_is_an_error_that_names_it_and_the_table(
        self, pauses: Pauses, endpoint_url: str | None
    ) -> None:
        own = {"region": "no-where-1", "table_name": "its-name", "endpoint_url": endpoint_url}
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        with pytest.raises(StoreUnavailable) as caught:
            Site({**own, **keys}).request(count)
        said = str(caught.value)
        assert "DynamoDB could not be reached" in said
        assert "check region, endpoint_url and network" in said
        assert "table its-name, region no-where-1" in said
        assert (endpoint_url or "dynamodb.no-where-1.amazonaws.com") in said

    def test_that_nothing_listens_on_is_an_error_that_names_the_table(
        self, table: dict[str, Any], pauses: Pauses
    ) -> None:
        nowhere = {**table, "endpoint_url": "http://127.0.0.1:9"}
        with pytest.raises(StoreUnavailable, match="DynamoDB could not be reached") as caught:
            Site(nowhere).request(count)
        assert f"table {table['table_name']}" in str(caught.value)

    @pytest.mark.parametrize("region", ["no such region", "-", "a/b"])
    def test_in_an_impossible_region_is_a_configuration_error(self, region: str) -> None:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        with pytest.raises(ConfigurationError, match="set region and credentials"):
            Site({"region": region, **keys}).request(count)


class TestATable:
    def delete(self, dynamodb: Any) -> None:
        session_model(**dynamodb.options).delete_table()

    @pytest.mark.usefixtures("create_table")
    def test_deleted_while_in_use_is_created_again(self, dynamodb: Any) -> None:
        site = Site(dynamodb.options)
        site.request(count)
        self.delete(dynamodb)
        assert site.request(count) == 1
        assert site.request(count) == 2

    @pytest.mark.usefixtures("create_table")
    def test_deleted_between_a_load_and_a_save_is_created_again(self, dynamodb: Any) -> None:
        site = Site(dynamodb.options)
        site.request(count)

        def page(session: Any) -> None:
            session.get("n")
            self.delete(dynamodb)
            count(session)

        site.request(page)  # the session has ended with the table
        assert site.request(count) == 1

    @pytest.mark.usefixtures("create_table")
    def test_deleted_while_in_use_is_an_error_if_create_table_is_off(self, dynamodb: Any) -> None:
        site = Site(dynamodb.options, create_table=False)
        site.request(count)
        cookie = site.cookie
        self.delete(dynamodb)
        with pytest.raises(TableError, match="beaker-dynamodb create-table --table-name") as caught:
            site.request(read)
        assert f"table {dynamodb.options['table_name']}" in str(caught.value)
        assert site.cookie == cookie

    @pytest.mark.parametrize(
        "fault", [(400, "AccessDeniedException"), (500, "InternalServerError")]
    )
    def test_that_is_missing_is_reported_if_it_cannot_be_described(
        self, dynamodb: Any, wire: Wire, fault: tuple[int, str]
    ) -> None:
        wire.fail_next("DescribeTable", fault)
        with pytest.raises(TableError, match="the table is missing: run `beaker-dynamodb create"):
            Site(dynamodb.options, create_table=False, max_retries=0).request(count)

    @pytest.mark.usefixtures("create_table")
    def test_in_creation_is_waited_for_a_few_seconds(
        self, dynamodb: Any, wire: Wire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site = Site(dynamodb.options)
        site.request(count)
        cookie = site.cookie
        model, slept = session_model(**dynamodb.options), list[float]()
        describe = model.describe_table
        monkeypatch.setattr(
            model, "describe_table", lambda: {**describe(), "TableStatus": "CREATING"}
        )
        create = partialmethod(TableDefinition.create, sleep=slept.append, clock=lambda: sum(slept))
        monkeypatch.setattr(TableDefinition, "create", create)
        wire.fail_next("GetItem", (400, "ResourceNotFoundException"))
        with pytest.raises(TableError, match=r"not active after 10 s") as caught:
            site.request(read)
        assert sum(slept) == 10
        assert f"table {dynamodb.options['table_name']}" in str(caught.value)
        assert site.cookie == cookie

    @pytest.mark.usefixtures("create_table")
    def test_in_creation_is_waited_for_no_longer_if_descriptions_are_slow(
        self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model, times = session_model(**dynamodb.options), list[float]()

        def describe_slowly() -> dict[str, str]:
            times.append(3.0)
            return {**describe(), "TableStatus": "CREATING"}

        describe = model.describe_table
        monkeypatch.setattr(model, "describe_table", describe_slowly)
        with pytest.raises(TableError, match="not active after 10 s"):
            TableDefinition(model).create(limit=10, sleep=times.append, clock=lambda: sum(times))
        assert times == [3, 1, 3, 1, 3]


# moto accepts any credentials.
@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
class TestCredentials:
    @pytest.fixture
    def renew(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        """Write credentials to the file that the AWS chain reads."""
        file = tmp_path / "credentials"
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))

        def write(key: str) -> None:
            lines = f"aws_access_key_id = {key}\naws_secret_access_key = hidden\n"
            file.write_text(f"[default]\n{lines}", encoding="utf-8")

        return write

    @pytest.fixture
    def options(self, dynamodb: Any, renew: Callable[[str], None]) -> dict[str, Any]:
        forget_connections()
        renew("before")
        given = {name: dynamodb.options[name] for name in dynamodb.options if "aws" not in name}
        create_table(**given)
        return given

    def key_in_use(self, options: dict[str, Any]) -> str:
        connection: Any = session_model(**options).table_connection().connection
        return str(connection.client._get_credentials().access_key)

    @pytest.mark.parametrize("code", ["ExpiredTokenException", "UnrecognizedClientException"])
    def test_that_were_renewed_are_read_again(
        self, options: dict[str, Any], renew: Callable[[str], None], wire: Wire, code: str
    ) -> None:
        site = Site(options)
        site.request(count)
        assert self.key_in_use(options) == "before"
        renew("after")
        wire.fail_next("GetItem", (400, code))
        with wire.expect("GetItem", "GetItem"):
            assert site.request(read) == 1
        assert self.key_in_use(options) == "after"

    def test_refused_in_many_threads_are_read_once(self, options: dict[str, Any]) -> None:
        model = session_model(**options)
        connection: Any = model.table_connection().connection
        refused = connection.client
        assert connection.shared.renew(refused)
        renewed = connection.client
        assert connection.shared.renew(refused)
        assert (renewed is refused, connection.client is renewed) == (False, True)

    def test_that_expired_are_an_error_and_no_logout(
        self, options: dict[str, Any], wire: Wire
    ) -> None:
        site = Site(options)
        site.request(count)
        cookie = site.cookie
        for _ in range(2):
            wire.fail_next("GetItem", (400, "ExpiredTokenException"))
        refused = pytest.raises(TableError, match="renew the temporary credentials")
        with wire.expect("GetItem", "GetItem"), refused as caught:
            site.request(read)
        assert f"table {options['table_name']}" in str(caught.value)
        assert (site.request(read), site.cookie) == (1, cookie)

    @pytest.mark.usefixtures("create_table")
    def test_of_the_options_are_not_tried_again(self, dynamodb: Any, wire: Wire) -> None:
        site = Site(dynamodb.options)
        site.request(count)
        wire.fail_next("GetItem", (400, "ExpiredTokenException"))
        with wire.expect("GetItem"), pytest.raises(TableError):
            site.request(read)

    def test_belong_to_each_application(self, dynamodb: Any) -> None:
        names = ["one", "other"]
        options = [{**dynamodb.options, "aws_access_key_id": name} for name in names]
        assert [self.key_in_use(each) for each in options] == names

    def test_that_are_missing_are_an_error_that_names_the_table(self, dynamodb: Any) -> None:
        with pytest.raises(ConfigurationError, match="set region and credentials") as caught:
            Site({"region": "eu-west-1", "table_name": "its-name"}).request(count)
        assert "table its-name" in str(caught.value)
