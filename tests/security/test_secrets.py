"""No secret is in a log, an error, a repr or a traceback."""

import json
import logging
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from beaker.cache import Cache

from beaker_dynamodb import (
    BeakerDynamoDBError,
    ConfigurationError,
    ConflictError,
    DynamoDBNamespaceManager,
    DynamoDBSession,
    LockTimeout,
    StoreUnavailable,
    session_model,
)
from beaker_dynamodb.testing.site import Site
from tests.security.conftest import RawTable
from tests.support.internals import (
    Baseline,
    CacheEntry,
    Marker,
    Row,
    RowKey,
    SavedSession,
    Successor,
    WriteResult,
    parse_options,
)
from tests.support.pages import KEYS, log_out, read, save
from tests.support.wire import Wire

SIGNING_KEY = "signing-key-of-more-than-32-characters"
# A name, because a traceback shows the source line of the call.
VALUE, CACHE_KEY = "secret-value", "secret-cache-key"
SESSION_ID = "0123456789abcdef" * 2
SECRETS = [SIGNING_KEY, VALUE, CACHE_KEY, "secret-credential"]
FAULTS: list[Any] = [
    (500, "InternalServerError"),
    (400, "AccessDeniedException"),
    (400, "ValidationException"),
    (400, "SomethingNewException"),
    OSError("broken pipe"),
]


def keep(session: Any) -> None:
    session["n"] = VALUE
    session.save()


def shown(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    """Everything that a reader of the error and the log can see."""
    lines = traceback.format_exception(error)
    return "".join([*lines, repr(error), repr(vars(error)), caplog.text])


class TestASession:
    # Below Beaker's middleware, whose warning of a failed load holds the id (docs: SECURITY.md).
    @pytest.mark.parametrize("fault", FAULTS, ids=str)
    @pytest.mark.parametrize("hash_ids", [True, False])
    @pytest.mark.parametrize(
        ("operation", "action"), [("GetItem", read), ("PutItem", keep), ("PutItem", log_out)]
    )
    def test_never_appears_in_errors_or_logs(
        self,
        dynamodb: Any,
        create_table: None,
        wire: Wire,
        caplog: pytest.LogCaptureFixture,
        hash_ids: bool,
        operation: str,
        action: Any,
        fault: Any,
    ) -> None:
        options = {"signing_key": SIGNING_KEY, "invalidate_corrupt": False, "max_retries": 0}
        site = Site(dynamodb.options, hash_ids=hash_ids, **options)
        with caplog.at_level(logging.DEBUG, "beaker_dynamodb"):
            site.request(lambda session: session.update(n="before") or session.save())
            wire.fail_next(operation, fault)
            with pytest.raises(BeakerDynamoDBError) as caught:
                site.request(action)
        said = shown(caught.value, caplog)
        assert operation in said
        assert site.cookie is not None
        for secret in [*SECRETS, site.cookie[:9]]:
            assert secret not in said

    def test_that_is_corrupt_never_appears_in_errors_or_logs(
        self, dynamodb: Any, raw: RawTable, caplog: pytest.LogCaptureFixture
    ) -> None:
        site = Site(dynamodb.options, signing_key=SIGNING_KEY, invalidate_corrupt=False)
        site.request(keep)
        raw.alter(lambda item: {**item, "version": {"S": VALUE}})
        with (
            caplog.at_level(logging.DEBUG, "beaker_dynamodb"),
            pytest.raises(BeakerDynamoDBError) as caught,
        ):
            site.request(read)
        said = shown(caught.value, caplog)
        assert not [secret for secret in SECRETS if secret in said]


class Overlap(NamedTuple):
    """What another request does to the session, at which call of the page, and the page's error."""

    theirs: Callable[[Any], object]
    operation: str
    ours: Callable[[Any], object]
    error: type[Exception] | None


def renew(session: Any) -> None:
    session.get("n")
    session.regenerate_id()
    session.save()


def add(session: Any) -> None:
    session.update(added=VALUE)
    session.save()


def begin_again(session: Any) -> None:
    session.clear()
    add(session)


OVERLAPS: dict[str, Overlap] = {
    "changed, and changed here": Overlap(add, "PutItem", keep, ConflictError),
    "ended, and changed here": Overlap(log_out, "PutItem", keep, None),
    "ended, and touched here": Overlap(log_out, "PutItem", save, None),
    "ended, and renamed here": Overlap(log_out, "PutItem", renew, None),
    "ended, and ended here": Overlap(log_out, "PutItem", log_out, None),
    "begun again, and changed here": Overlap(begin_again, "PutItem", keep, None),
    "changed, and renamed here": Overlap(add, "PutItem", renew, ConflictError),
    "renamed, and changed here": Overlap(renew, "PutItem", keep, None),
    "renamed, and renamed here": Overlap(renew, "PutItem", renew, None),
    "renamed, and ended here": Overlap(renew, "PutItem", log_out, None),
    "renamed, and read here": Overlap(renew, "GetItem", keep, None),
}


@pytest.mark.usefixtures("create_table")
@pytest.mark.parametrize("hash_ids", [True, False])
@pytest.mark.parametrize("overlap", OVERLAPS.values(), ids=OVERLAPS.keys())
def test_a_session_that_two_requests_use_never_appears_in_errors_or_logs(
    dynamodb: Any,
    wire: Wire,
    clock: Any,
    caplog: pytest.LogCaptureFixture,
    hash_ids: bool,
    overlap: Overlap,
) -> None:
    options = {"session_class": DynamoDBSession, "on_conflict": "raise", "hash_ids": hash_ids}
    site = Site(dynamodb.options, signing_key=SIGNING_KEY, **options)
    other = Site(dynamodb.options, signing_key=SIGNING_KEY, **options)
    site.request(lambda session: session.update(n="before") or session.save())
    ids = {str(site.cookie)}
    clock.advance(60)
    other.use_cookie(str(site.cookie))
    said, failure = "", None
    with caplog.at_level(logging.DEBUG, "beaker_dynamodb"):
        wire.before_next(overlap.operation, lambda: other.request(overlap.theirs))
        try:
            site.request(overlap.ours)
        except BeakerDynamoDBError as error:
            said, failure = shown(error, caplog), type(error)
    assert failure is overlap.error
    said += caplog.text
    assert said
    ids |= {str(site.cookie), str(other.cookie)}
    for secret in [*SECRETS, *(session_id[:9] for session_id in ids)]:
        assert secret not in said


class TestARefusal:
    """Errors that no answer of DynamoDB causes."""

    def test_of_an_unreadable_session_shows_no_secret(
        self, dynamodb: Any, raw: RawTable, caplog: pytest.LogCaptureFixture
    ) -> None:
        site = Site(dynamodb.options, hash_ids=False)
        site.use_cookie(SESSION_ID)
        site.request(keep)

        def page(session: Any) -> None:
            session.get("n")
            raw.alter(lambda item: {**item, "version": {"S": VALUE}, "data": {"B": VALUE.encode()}})
            add(session)

        self.assert_discreet(site, page, ConflictError, caplog)

    def test_of_an_altered_marker_shows_no_secret(
        self, dynamodb: Any, raw: RawTable, caplog: pytest.LogCaptureFixture
    ) -> None:
        site = Site(dynamodb.options, hash_ids=False, invalidate_corrupt=False)
        site.use_cookie(SESSION_ID)
        site.request(keep)
        raw.alter(lambda item: {"id": item["id"], "item": item["item"], "ended": {"S": VALUE}})
        self.assert_discreet(site, read, BeakerDynamoDBError, caplog)

    def test_of_an_opaque_session_shows_no_secret(
        self, dynamodb: Any, raw: RawTable, caplog: pytest.LogCaptureFixture
    ) -> None:
        site = Site(dynamodb.options, hash_ids=False, **KEYS)
        self.assert_discreet(site, keep, ConfigurationError, caplog)

    def test_of_a_save_after_the_lock_has_expired_shows_no_secret(
        self, dynamodb: Any, raw: RawTable, clock: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        options = {"session_class": DynamoDBSession, "lock_timeout": 5}
        site = Site(dynamodb.options, hash_ids=False, **options)
        site.use_cookie(SESSION_ID)
        site.request(keep)

        def page(session: Any) -> None:
            session.lock()
            session.load()
            clock.advance(10)
            try:
                add(session)
                session.persist()
            finally:
                session.unlock()

        self.assert_discreet(site, page, LockTimeout, caplog)

    def assert_discreet(
        self,
        site: Site,
        page: Callable[[Any], object],
        expected: type[Exception],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        site.use_cookie(SESSION_ID)
        with caplog.at_level(logging.DEBUG, "beaker_dynamodb"), pytest.raises(expected) as caught:
            site.request(page)
        said = shown(caught.value, caplog)
        for secret in [*SECRETS, *KEYS.values(), SESSION_ID[:9]]:
            assert secret not in said


def test_a_message_that_a_library_quotes_from_the_session_is_not_repeated(
    dynamodb: Any, create_table: None, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(dynamodb.options, invalidate_corrupt=False)
    site.request(keep)
    wire.fail_next("GetItem", ValueError(f"Invalid header value {VALUE!r}"))
    with (
        caplog.at_level(logging.DEBUG, "beaker_dynamodb"),
        pytest.raises(StoreUnavailable, match=r"DynamoDB did not answer \(ValueError\)") as caught,
    ):
        site.request(read)
    assert VALUE not in f"{caught.value} {caught.value!r} {caplog.text}"


@pytest.mark.parametrize("operation", ["GetItem", "UpdateItem", "PutItem"])
@pytest.mark.parametrize("on_outage", ["raise", "miss"])
def test_a_value_never_appears_in_errors_or_logs(
    dynamodb: Any,
    create_table: None,
    wire: Wire,
    caplog: pytest.LogCaptureFixture,
    on_outage: str,
    operation: str,
) -> None:
    options = {"max_retries": 0, "on_outage": on_outage, "signing_key": SIGNING_KEY}
    cache = Cache("c", type="ext:dynamodb", **dynamodb.options, **options)
    wire.fail_next(operation, (500, "InternalServerError"))
    said = ""
    with caplog.at_level(logging.DEBUG, "beaker_dynamodb"):
        try:
            cache.get(CACHE_KEY, createfunc=lambda: VALUE)
        except BeakerDynamoDBError as error:
            said = shown(error, caplog)
    said += caplog.text
    assert operation in said
    assert not [secret for secret in SECRETS if secret in said]


class TestAnErrorTracker:
    """The arguments of a log record, not its text, and each variable of a traceback."""

    def test_sees_no_key_of_an_item(
        self, dynamodb: Any, create_table: None, caplog: pytest.LogCaptureFixture
    ) -> None:
        site = Site(dynamodb.options, hash_ids=False)
        cache = Cache("secret-namespace", type="ext:dynamodb", **dynamodb.options)
        with caplog.at_level(logging.DEBUG, "beaker_dynamodb"):
            site.request(keep)
            cache.get(CACHE_KEY, createfunc=lambda: VALUE)
        kept = [json.dumps(record.args, default=repr) for record in caplog.records]
        assert any("PutItem" in args for args in kept)
        for secret in [*SECRETS, "secret-namespace", str(site.cookie)]:
            assert secret not in str(kept)

    def test_sees_no_payload_in_a_variable(self, dynamodb: Any, create_table: None) -> None:
        site = Site(dynamodb.options, compression="none", hash_ids=False)
        site.request(keep)
        [item] = session_model(**dynamodb.options).scan()
        text = SavedSession.from_data(item.data, 10_000)
        row = Row(item.data, "v", 1.5, 60)
        marker = Marker.of("birth", Successor(str(site.cookie), "birth"))
        kept = [item, row, text, Baseline(text, text, row), marker, WriteResult(False, marker)]
        kept += [CacheEntry(RowKey("secret-namespace", CACHE_KEY), VALUE)]
        for secret in [*SECRETS, "secret-namespace", str(site.cookie), text.text[:20]]:
            assert secret not in repr(kept)


class TestOptions:
    URL = (
        "dynamodb://eu-west-1/beaker?aws_access_key_id=secret-credential"
        f"&aws_secret_access_key=secret-credential&signing_key={SIGNING_KEY}"
    )

    def test_show_no_secret(self) -> None:
        options = parse_options({"url": self.URL})
        shown = f"{options!r} {DynamoDBNamespaceManager('x', url=self.URL)!r}"
        assert options.signing_key == (SIGNING_KEY,)
        assert not [secret for secret in SECRETS if secret in shown]

    @pytest.mark.parametrize(
        "wrong",
        [
            "&ttl=x",
            "&tll=1",
            "&profile=p",
            "&secret-value",
            "&signing_key=secret-value",
            "#secret-value",
            "&aws_session_token=",
        ],
    )
    def test_that_are_wrong_show_no_secret(self, wrong: str) -> None:
        with pytest.raises(BeakerDynamoDBError) as caught:
            parse_options({"url": self.URL + wrong})
        said = "".join(traceback.format_exception(caught.value))
        assert not [secret for secret in SECRETS if secret in said]

    @pytest.mark.parametrize(
        "url", ["http://secret-value", "secret-value", "dynamodb://a/b/secret-value"]
    )
    def test_in_an_invalid_url_show_no_secret(self, url: str) -> None:
        with pytest.raises(BeakerDynamoDBError) as caught:
            parse_options({"url": url})
        assert "secret-value" not in str(caught.value)

    def test_with_a_short_key_show_no_secret(self) -> None:
        with pytest.raises(BeakerDynamoDBError, match="at least 32 characters") as caught:
            parse_options({"signing_key": f"{SIGNING_KEY},secret-value"})
        assert "secret-value" not in str(caught.value)
