"""Keys: DynamoDB accepts the key of any session id and any cache key."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.internals import original_key, partition_key, session_key, value_key

HOSTILE_IDS = ["", "x" * 100_000, "é", "\ud800", "\xff\xfe", "a b\n\0", "../..", "🍪"]


def test_a_session_id_is_stored_as_its_sha256() -> None:
    assert session_key("", "abc", hash_id=True).partition == sha256(b"abc").hexdigest()


def test_a_session_id_of_beakers_form_is_stored_as_it_is_if_asked() -> None:
    session_id = "0123456789abcdef" * 2
    assert session_key("p:", session_id, hash_id=False).partition == f"p:{session_id}"


@pytest.mark.parametrize(
    "session_id", ["abc", "B:" + "0" * 32, "0" * 31, "F" * 32, "0" * 32 + "\n"]
)
def test_any_other_session_id_is_hashed(session_id: str) -> None:
    digest = sha256(session_id.encode()).hexdigest()
    assert session_key("", session_id, hash_id=False).partition == f"sha256:{digest}"


@pytest.mark.parametrize("hash_ids", [True, False])
@pytest.mark.parametrize("session_id", HOSTILE_IDS, ids=range(len(HOSTILE_IDS)))
def test_any_id_makes_a_key(session_id: str, hash_ids: bool) -> None:
    key = session_key("p:", session_id, hash_id=hash_ids)
    assert key.partition.startswith("p:")
    assert 2 < len(key.partition.encode()) <= 2048


@pytest.mark.parametrize("hash_ids", [True, False])
def test_different_ids_make_different_keys(hash_ids: bool) -> None:
    ids = [*HOSTILE_IDS, "sha256:" + sha256(b"").hexdigest(), "x" * 99_999]
    assert len({session_key("", one, hash_id=hash_ids).partition for one in ids}) == len(ids)


NAMESPACES = ["", "a", "/srv/app.py|load", "n" * 3000, "Ж" * 1025, "sha256:x"]


@pytest.mark.parametrize("prefix", ["", "shop:", "p" * 1024])
@pytest.mark.parametrize("namespace", NAMESPACES, ids=range(len(NAMESPACES)))
def test_any_namespace_makes_a_partition(prefix: str, namespace: str) -> None:
    partition = partition_key(prefix, namespace)
    assert partition.startswith(prefix)
    assert len(prefix) < len(partition.encode()) <= 2048


def test_a_namespace_is_stored_as_it_is_behind_a_prefix_that_ends_with_a_colon() -> None:
    assert partition_key("", "prices") == "prices"
    assert partition_key("shop:", "/srv/app.py|load") == "shop:/srv/app.py|load"


@pytest.mark.parametrize(
    ("prefix", "namespace"),
    [("", "B:prices"), ("B:", "C:prices"), ("B", "prices"), ("", "0" * 64), ("B:", "f" * 64)],
)
def test_a_namespace_that_others_could_spell_is_hashed(prefix: str, namespace: str) -> None:
    digest = sha256(namespace.encode()).hexdigest()
    assert partition_key(prefix, namespace) == f"{prefix}sha256:{digest}"


#: Short texts in which everything that separates a prefix from a namespace is frequent.
spelt = st.lists(
    st.sampled_from(["", "a", "B", ":", "sha256:", "0" * 64, sha256(b"a").hexdigest()]), max_size=4
).map("".join)


@given(st.lists(st.tuples(spelt, spelt), min_size=2, max_size=8, unique=True))
def test_no_two_prefixes_and_namespaces_make_the_same_partition(
    pairs: list[tuple[str, str]],
) -> None:
    # Sessions have partitions too: 64 digits behind the prefix, and sort keys of their own.
    assert len({partition_key(*pair) for pair in pairs}) == len(pairs)


@given(spelt, spelt)
def test_a_partition_begins_with_the_prefix(prefix: str, namespace: str) -> None:
    """An IAM policy can allow it by dynamodb:LeadingKeys."""
    assert partition_key(prefix, namespace).startswith(prefix)


KEYS = [b"", b"a", b"A", b"a ", b"k" * 1024, b"k" * 1025, b"\xff", "é".encode(), b"session"]
KEYS += [b"sha256:" + sha256(b"session").hexdigest().encode()]


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_any_key_fits_into_a_sort_key_and_comes_back(key: bytes) -> None:
    row_key = value_key("p", key)
    assert 0 < len(row_key.sort.encode()) <= 1024
    assert original_key(row_key.sort, row_key.original) == key


def test_the_empty_key_has_no_empty_attribute_beside_it() -> None:
    """The DynamoDB Local of 2020 refuses one."""
    row_key = value_key("p", b"")
    assert row_key.original is None
    # A release that stored one has left such rows.
    assert original_key(row_key.sort, b"") == b""


def test_different_keys_make_different_items() -> None:
    assert len({value_key("p", key) for key in KEYS}) == len(KEYS)


def test_a_value_never_has_the_key_of_a_session() -> None:
    assert value_key("p", b"session").sort != "session"
    assert value_key("p", "session").sort != "session"


def test_text_and_its_bytes_are_one_key() -> None:
    assert value_key("p", "é") == value_key("p", "é".encode())


def test_a_key_of_another_type_is_an_error() -> None:
    with pytest.raises(TypeError, match="must be str or bytes, not int"):
        value_key("p", 5)  # type: ignore[arg-type]


def test_a_log_shows_no_more_than_eight_characters_of_an_id() -> None:
    session_id = "0123456789abcdef" * 2
    shown = str(session_key("prefix:", session_id, hash_id=False))
    assert not any(session_id[at : at + 9] in shown for at in range(len(session_id) - 8))
    assert "\n" not in str(session_key("", "a\nb", hash_id=False))
    assert str(value_key("partition", b"secret-key")).endswith(".../value")
