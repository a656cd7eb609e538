"""Whether an answer comes from DynamoDB, and is about the items of the call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

from .retry import UnusableAnswer

#: A key, or an item with one, as DynamoDB sends it.
_Keyed: TypeAlias = Mapping[str, Any]


def check_origin(answer: Mapping[str, Any]) -> None:
    """Refuse the page of a web server or proxy, whatever its status: it has no request id.

    Raises:
        UnusableAnswer: the answer is such a page.
    """
    metadata = answer["ResponseMetadata"]
    if not metadata.get("RequestId"):
        raise UnusableAnswer(f"status {metadata['HTTPStatusCode']} without a request id")


def check_keys(
    names: tuple[str, str], arguments: Mapping[str, Any], answer: Mapping[str, Any]
) -> None:
    """Refuse an answer about another item: it would give one user the session of another.

    A proxy or a cache that confuses answers sends one. A batch may be answered in part.

    Args:
        names: of the partition key and the sort key.
        arguments: of the call; one without a key passes.
        answer: to it, or DynamoDB's error response.

    Raises:
        UnusableAnswer: the answer names an item that the call does not name.
    """
    key_of = partial(_key_of, names)
    requested = set(map(key_of, _requested(arguments)))
    if not requested or _is_partial(arguments):
        return
    if not requested.issuperset(map(key_of, _answered(answer))):
        raise UnusableAnswer("it is about another item")


def check_partition(name: str, partition: str, items: Iterable[_Keyed]) -> None:
    """Refuse the answer to a query of another partition: a clear would delete what it lists.

    Args:
        name: of the partition key.
        partition: that was queried.
        items: of the answer.

    Raises:
        UnusableAnswer: an item is in another partition.
    """
    if any(item[name]["S"] != partition for item in items):
        raise UnusableAnswer("it is about another partition")


def _key_of(names: tuple[str, str], item: _Keyed) -> tuple[str | None, ...]:
    return tuple(item.get(name, {}).get("S") for name in names)


def _requested(arguments: Mapping[str, Any]) -> Iterator[_Keyed]:
    yield from (arguments[name] for name in ("Key", "Item") if name in arguments)
    yield from _in_batch(arguments.get("RequestItems", {}))


def _answered(answer: Mapping[str, Any]) -> Iterator[_Keyed]:
    yield from (answer[name] for name in ("Item", "Attributes") if answer.get(name))
    for items in answer.get("Responses", {}).values():
        yield from items
    yield from _in_batch(answer.get("UnprocessedKeys", {}))
    yield from _in_batch(answer.get("UnprocessedItems", {}))


def _in_batch(tables: Mapping[str, Any]) -> Iterator[_Keyed]:
    """The keys of a BatchGetItem, or the keys and items of a BatchWriteItem."""
    for requests in tables.values():
        if isinstance(requests, dict):
            yield from requests["Keys"]
            continue
        for request in requests:
            [written] = request.values()
            yield written.get("Key") or written["Item"]


def _is_partial(arguments: Mapping[str, Any]) -> bool:
    """Whether the answer may lack the keys: the application can request some attributes alone."""
    batches = arguments.get("RequestItems", {}).values()
    reads = [arguments, *(each for each in batches if isinstance(each, dict))]
    is_projected = any("ProjectionExpression" in read for read in reads)
    return is_projected or arguments.get("ReturnValues", "").startswith("UPDATED")
