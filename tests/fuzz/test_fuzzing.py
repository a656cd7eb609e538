"""Any byte of an item can be wrong: the result is a value or an error of this package."""

import importlib.util
import json
import subprocess
import sys
import uuid
import warnings
import zlib
from contextlib import suppress
from typing import Any

import pytest
from beaker.cache import Cache
from botocore.exceptions import ClientError
from hypothesis import example, given
from hypothesis import strategies as st

from beaker_dynamodb import BeakerDynamoDBError, ConflictError, Options, create_table
from beaker_dynamodb.testing.site import Site
from tests.fuzz.targets import TARGETS
from tests.security.conftest import Item, RawTable
from tests.support.effort import EFFORT, with_a_table
from tests.support.internals import Content, parse_options
from tests.support.pages import count, read

#: Each takes two seconds to start, and the next test fuzzes all of them at home too.
ONE_AT_HOME = [
    name if name == "session_data" else pytest.param(name, marks=pytest.mark.exhaustive)
    for name in TARGETS
]


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="pip install atheris, for Linux"
)
@pytest.mark.parametrize("name", ONE_AT_HOME)
def test_coverage_guided_inputs_find_no_fault(name: str, tmp_path: Any) -> None:
    command = [sys.executable, "-m", "tests.fuzz.coverage_guided", name]
    options = [f"-runs={EFFORT.fuzzed_inputs}", f"-artifact_prefix={tmp_path}/", "-seed=1"]
    # libFuzzer reads the peak memory of its process, which Linux starts at that of the parent: the
    # parent is a small shell, because the tests themselves can have some 100 MB.
    shell = ["sh", "-c", '"$@"; exit $?', "sh"]
    run = subprocess.run(
        [*shell, *command, *options], check=False, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert f"Done {EFFORT.fuzzed_inputs} runs" in run.stderr


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.binary(max_size=300))
def test_any_bytes_give_a_value_or_an_error_of_this_package(name: str, data: bytes) -> None:
    TARGETS[name](data)


TEXTS = st.text(max_size=30) | st.sampled_from(["true", "0", "-1", "1e400", "nan", "json", "é"])
NAMES = st.sampled_from([*Options.__dataclass_fields__, "host", "url", "type"]) | TEXTS


@given(given_options=st.dictionaries(NAMES, TEXTS | st.integers() | st.none() | st.floats()))
def test_any_options_are_valid_or_an_error_that_names_one(
    given_options: dict[str, Any],
) -> None:
    fault = None
    try:
        parse_options(given_options)
    except BeakerDynamoDBError as error:
        fault = str(error)
    names = [*Options.__dataclass_fields__, *given_options]
    assert fault is None or any(name in fault for name in names)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
BEAKERS_KEYS = st.sampled_from(["_creation_time", "_accessed_time", "_domain", "_path", "_id", "n"])
SESSIONS = st.dictionaries(BEAKERS_KEYS | st.text(max_size=5), JSON_VALUES)


def session_bytes(session: object) -> bytes:
    return bytes([Content.BASE64 << 4]) + zlib.compress(json.dumps(session).encode())


DATA = (
    st.binary(max_size=100)
    | SESSIONS.map(session_bytes)
    | JSON_VALUES.map(session_bytes)
    | JSON_VALUES.map(lambda value: bytes([Content.JSON << 4]) + json.dumps(value).encode())
)
#: The text of a marker, and what resembles one.
MARKERS = st.lists(
    st.text(max_size=5) | st.lists(st.lists(st.text(max_size=5), max_size=3), max_size=2),
    max_size=4,
) | st.tuples(
    st.text(max_size=5),
    st.text(max_size=5),
    st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=2),
)
NUMBERS = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
ATTRIBUTES = st.one_of(
    DATA.map(lambda data: {"B": data}),
    st.text(max_size=20).map(lambda text: {"S": text}),
    st.sampled_from(["a:1", "a:100", "a:0", ":1", "a:101", "AAAAAAAAAAAA"]).map(
        lambda text: {"S": text}
    ),
    NUMBERS.map(lambda number: {"N": str(number)}),
    MARKERS.map(lambda marker: {"S": json.dumps(marker, separators=(",", ":"))}),
    st.sampled_from([{"NULL": True}, {"BOOL": True}, {"L": []}, {"M": {}}, {"SS": ["a"]}]),
)
ALTERED = st.sampled_from(
    [
        *("data", "version", "touched", "created", "expires", "parts", "key", "signature"),
        *("lock_owner", "lock_until", "lock_wanted", "content_expires"),
        *("birth", "ended", "foreign"),
    ]
)
ALTERATIONS = st.dictionaries(ALTERED, ATTRIBUTES | st.none(), min_size=1, max_size=4)
each_alteration = given(alterations=ALTERATIONS)


def altered(item: Item, alterations: dict[str, Any]) -> Item:
    changed = {**item, **alterations}
    return {name: value for name, value in changed.items() if value is not None}


def alter(raw: RawTable, partition: str, alterations: dict[str, Any]) -> None:
    """Alter the items of a partition, if DynamoDB accepts that."""
    for item in raw.items():
        if partition in {"", item["id"]["S"]}:
            with suppress(ClientError):
                raw.put(altered(item, alterations))


def new_site(dynamodb: Any) -> Site:
    """A site with a session in it."""
    site = Site(dynamodb.options, data_serializer="json", max_lifetime=1000)
    site.request(count)
    return site


class TestAnyItem:
    @pytest.fixture
    def raw(self, dynamodb: Any) -> RawTable:
        create_table(**dynamodb.options)
        return RawTable(dynamodb.options)

    @with_a_table
    @each_alteration
    def test_costs_one_session_and_not_the_page(
        self, dynamodb: Any, raw: RawTable, alterations: dict[str, Any]
    ) -> None:
        site = new_site(dynamodb)
        alter(raw, "", alterations)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Beaker warns about each corrupt session
            site.request(read)
            site.request(lambda session: session.save())
            site.request(lambda session: session.update(n=1) or session.save())
            assert site.request(count) == 2

    @with_a_table
    @each_alteration
    def test_written_before_a_save_is_merged_or_a_conflict_and_stays(
        self, dynamodb: Any, raw: RawTable, alterations: dict[str, Any]
    ) -> None:
        site = new_site(dynamodb)
        stored: list[Item] = []

        def page(session: Any) -> None:
            session.get("n")
            alter(raw, "", alterations)
            stored[:] = raw.items()
            session["other"] = 1
            session.save()

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                site.request(page)
            except ConflictError:
                assert raw.items() == stored
            site.request(read)

    @with_a_table
    @example(alterations={"ended": {"S": '["","",[]]'}})  # both a row and a marker
    @each_alteration
    def test_costs_one_miss_and_not_the_page(
        self, dynamodb: Any, raw: RawTable, alterations: dict[str, Any]
    ) -> None:
        name = uuid.uuid4().hex
        options = {"serializer": "json", "stale_ttl": 10, "lock_wait": 0}
        cache = Cache(name, type="ext:dynamodb", **dynamodb.options, **options)
        cache.put("key", "old", expiretime=100)
        alter(raw, name, alterations)
        assert all(isinstance(key, bytes) for key in cache.namespace.keys())  # noqa: SIM118
        cache.get("key", createfunc=lambda: "new")
        cache.put("key", "new")
        assert cache.get("key") == "new"
        cache.clear()
        assert [item for item in raw.items() if item["id"]["S"] == name] == []
