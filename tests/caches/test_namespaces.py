"""Applications that share a table: no namespace of one is a namespace of another."""

from typing import Any

import pytest
from beaker.cache import Cache

pytestmark = pytest.mark.usefixtures("create_table")


def cache(dynamodb: Any, prefix: str, namespace: str) -> Cache:
    options = {**dynamodb.options, "key_prefix": prefix}
    return Cache(namespace, type="ext:dynamodb", **options)


@pytest.mark.parametrize(
    ("own", "others"),
    [
        (("", "B:prices"), ("B:", "prices")),
        (("A:", "B:prices"), ("A:B:", "prices")),
        (("B", "prices"), ("", "Bprices")),
        (("shop", "-prices"), ("shop-", "prices")),
    ],
)
def test_clear_leaves_another_applications_namespace(
    dynamodb: Any, own: tuple[str, str], others: tuple[str, str]
) -> None:
    mine, theirs = cache(dynamodb, *own), cache(dynamodb, *others)
    theirs.put("apple", 1)
    assert "apple" not in mine
    mine.put("apple", 2)
    mine.clear()
    assert theirs.get("apple") == 1


def test_a_namespace_comes_back_whatever_its_name(dynamodb: Any) -> None:
    for prefix in ("", "shop:", "shop"):
        for namespace in ("prices", "C:\\shop.py|load", "a:b"):
            one = cache(dynamodb, prefix, namespace)
            one.put("key", [prefix, namespace])
            assert one.get("key") == [prefix, namespace]
            assert list(one.namespace.keys()) == [b"key"]
