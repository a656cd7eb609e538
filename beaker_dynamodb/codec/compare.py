"""Whether two contents are equal: same type and equal value, at any depth. Pure.

It compares what `read_pickle` returns, what a JSON text holds, and what an application's own
serializer has loaded. Each value has a *shape*: a label and the values it refers to. Two values are
equal if no path through their shapes leads to a difference, so cycles are equal like anything else.
Order matters for sequences and OrderedDict, and for no other dict or set.
"""

from __future__ import annotations

import pickle
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from hashlib import blake2b
from io import BytesIO
from typing import Any, TypeAlias

from .shapes import FAILURES, PRIMITIVES, Shape, Shapes

#: Writes a session, as the application's own serializer does.
Dumps: TypeAlias = Callable[[dict[Any, Any]], bytes]

TEXT = frozenset({str})
MISSING = object()

#: In bytes, per comparison.
PLAIN_LIMIT = 64 * 1024 * 1024

#: How far a digest follows a value that leads back to itself.
ROUNDS = 16


def is_equal(one: object, other: object) -> bool:
    """Whether two values have the same type and are equal, at any depth."""
    return Comparison().is_equal(one, other)


def key_identity(key: object) -> Hashable:
    """What is equal for two keys exactly if they have the same type and are equal."""
    if type(key) in PRIMITIVES:
        return _primitive(key)
    return _Digests(Shapes()).of(key)


def by_key(content: Mapping[Any, Any]) -> dict[Hashable, tuple[Any, Any]]:
    """Each key with its value, by the key's identity; keys of one identity are numbered."""
    entries: dict[Hashable, tuple[Any, Any]] = {}
    counts: Counter[Hashable] = Counter()
    for key, value in content.items():
        identity = key_identity(key)
        number = counts[identity]
        counts[identity] += 1
        entries[(identity, number) if number else identity] = (key, value)
    return entries


def changed(
    before: Mapping[Any, Any],
    after: Mapping[Any, Any],
    dumps: Dumps | None = None,
) -> set[Hashable]:
    """Identities of the keys that were added or removed, or whose value is not equal.

    It is fastest if nothing has changed, so leave out a key that changes always.

    Args:
        before: a content.
        after: another one.
        dumps: the application's serializer, if there is one: it compares values without a shape.
    """
    if _PlainText().is_equal(before, after):
        return set()
    items = _Items(dumps)
    if _has_text_keys(before) and _has_text_keys(after):
        common = before.keys() & after.keys()
        names = {name for name in common if items.differ(name, before[name], after[name])}
        return {(str, name) for name in names | (before.keys() ^ after.keys())}
    old, new = by_key(before), by_key(after)
    different = {
        identity
        for identity in old.keys() & new.keys()
        if items.differ(*old[identity], new[identity][1])
    }
    return different | (old.keys() ^ new.keys())


def _has_text_keys(content: Mapping[Any, Any]) -> bool:
    return TEXT.issuperset(map(type, content))


def _primitive(value: Any) -> tuple[type, Hashable]:
    """Type and value: 1, True and 1.0 differ, NaN equals NaN."""
    return type(value), value if value == value else "nan"  # noqa: PLR0124  # NaN does not


class _Digests:
    """Digests that are equal for equal values.

    They differ for different values, except for those that lead back to themselves and differ
    only further than `ROUNDS` references away.
    """

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._known: dict[int, bytes] = {}

    def of(self, value: Any) -> bytes:
        if type(value) not in PRIMITIVES and id(value) not in self._known:
            self._learn(self._unknown_below(value))
        return self._digest(value)

    def _unknown_below(self, value: Any) -> dict[int, Shape]:
        """The shapes of all values that a value leads to, without those that are known."""
        found: dict[int, Shape] = {}
        pending = [value]
        while pending:
            node = pending.pop()
            if type(node) in PRIMITIVES or id(node) in self._known or id(node) in found:
                continue
            found[id(node)] = self._shapes.of(node)
            pending.extend(_children(found[id(node)]))
        return found

    def _learn(self, shapes: dict[int, Shape]) -> None:
        """Digest each value after those it refers to; then those that lead back to themselves."""
        waiting: dict[int, int] = {}
        users: defaultdict[int, list[int]] = defaultdict(list)
        for node, shape in shapes.items():
            needed = {id(child) for child in _children(shape)} & shapes.keys()
            waiting[node] = len(needed)
            for child in needed:
                users[child].append(node)
        ready = [node for node, count in waiting.items() if not count]
        for node in ready:
            self._known[node] = self._combine(shapes.pop(node))
            for user in users[node]:
                waiting[user] -= 1
                if not waiting[user]:
                    ready.append(user)
        self._learn_cycles(shapes)

    def _learn_cycles(self, shapes: dict[int, Shape]) -> None:
        self._known.update(dict.fromkeys(shapes, b""))
        for _ in range(ROUNDS if shapes else 0):
            self._known.update({node: self._combine(shape) for node, shape in shapes.items()})

    def _combine(self, shape: Shape) -> bytes:
        ordered = [self._digest(value) for value in shape.ordered]
        entries = sorted(self._digest(key) + self._digest(value) for key, value in shape.entries)
        head = repr((shape.label, len(ordered), len(entries))).encode()
        return _hash_of(b"".join((head, *ordered, *entries)))

    def _digest(self, value: Any) -> bytes:
        kind = type(value)
        if kind not in PRIMITIVES:
            return self._known[id(value)]
        if kind is str:
            text = value.encode("utf-8", "surrogatepass")
        elif kind is int:
            text = b"%x" % value
        else:
            # -0.0 is 0.0.
            text = value if kind is bytes else repr(value or kind()).encode()
        return _hash_of(kind.__name__.encode() + b":" + text)


def _children(shape: Shape) -> Iterator[Any]:
    yield from shape.ordered
    for key, value in shape.entries:
        yield key
        yield value


def _hash_of(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


class _EqualNodes:
    """Pairs of values that are taken as equal: a union-find over their ids."""

    def __init__(self) -> None:
        self._parents: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        self._tentative: list[int] = []

    def _root(self, node: int) -> int:
        while node in self._parents:
            node = self._parents[node]
        return node

    def has(self, one: object, other: object) -> bool:
        return self._root(id(one)) == self._root(id(other))

    def join(self, one: object, other: object) -> bool:
        """Take two values as equal until `undo`; False if they are."""
        child, parent = self._root(id(one)), self._root(id(other))
        if child == parent:
            return False
        if self._sizes.get(child, 1) > self._sizes.get(parent, 1):
            child, parent = parent, child
        self._parents[child] = parent
        self._sizes[parent] = self._sizes.get(parent, 1) + self._sizes.get(child, 1)
        self._tentative.append(child)
        return True

    def keep(self) -> None:
        self._tentative.clear()

    def undo(self) -> None:
        while self._tentative:
            child = self._tentative.pop()
            parent = self._parents.pop(child)
            self._sizes[parent] -= self._sizes.get(child, 1)


class Comparison:
    """Compares values that share parts, each part once. The values must outlive it.

    Args:
        trusts_equality: whether `==` compares the objects that have no shape; otherwise no two of
            them are equal.

    Attributes:
        has_met_opaque: whether it has met such an object.
    """

    def __init__(self, *, trusts_equality: bool = True) -> None:
        self.has_met_opaque = False
        self._trusts_equality = trusts_equality
        self._shapes = Shapes()
        self._digests = _Digests(self._shapes)
        self._equal = _EqualNodes()
        self._different: set[tuple[int, int]] = set()
        self._plain = _PlainText()

    def is_equal(self, one: Any, other: Any) -> bool:
        """Whether two values have the same type and are equal, at any depth."""
        if type(one) in PRIMITIVES or type(other) in PRIMITIVES:
            return _is_same(one, other)
        if (id(one), id(other)) in self._different:
            return False
        if self._equal.has(one, other):
            return True
        if self._plain.is_equal(one, other):
            self._equal.join(one, other)
        elif not self._verify(one, other):
            self._equal.undo()
            self._different.add((id(one), id(other)))
            return False
        self._equal.keep()
        return True

    def _verify(self, one: Any, other: Any) -> bool:
        """Whether no path leads to a difference. Equal pairs stay to be kept or undone."""
        pending = [(one, other)]
        while pending:
            one, other = pending.pop()
            if type(one) in PRIMITIVES or type(other) in PRIMITIVES:
                if not _is_same(one, other):
                    return False
            elif self._equal.join(one, other) and not self._expand(one, other, pending):
                return False
        return True

    def _expand(self, one: Any, other: Any, pending: list[tuple[Any, Any]]) -> bool:
        """Whether the shapes are equal; what they refer to is compared later."""
        if type(one) is dict and type(other) is dict and _has_text_keys(one):
            pending += [(value, other.get(key, MISSING)) for key, value in one.items()]
            return len(one) == len(other) and _has_text_keys(other)
        first, second = self._shapes.of(one), self._shapes.of(other)
        self.has_met_opaque |= first.opaque or second.opaque
        if first.label != second.label or len(first.ordered) != len(second.ordered):
            return False
        if first.opaque:
            return self._trusts_equality and _is_equal_object(one, other)
        pending += zip(first.ordered, second.ordered, strict=True)
        return self._pair(first.entries, second.entries, pending)

    def _pair(
        self,
        mine: Sequence[tuple[Any, Any]],
        theirs: Sequence[tuple[Any, Any]],
        pending: list[tuple[Any, Any]],
    ) -> bool:
        """Find each entry's partner by the identity of its key."""
        if len(mine) != len(theirs):
            return False
        groups = self._grouped(theirs)
        for identity, entries in self._grouped(mine).items():
            partners = groups.get(identity, ())
            if len(entries) != len(partners):
                return False
            for (key, value), (other_key, other_value) in zip(entries, partners, strict=True):
                pending += ((key, other_key), (value, other_value))
        return True

    def _grouped(self, entries: Sequence[tuple[Any, Any]]) -> dict[Hashable, list[tuple[Any, Any]]]:
        groups: defaultdict[Hashable, list[tuple[Any, Any]]] = defaultdict(list)
        for entry in entries:
            key = entry[0]
            is_primitive = type(key) in PRIMITIVES
            groups[_primitive(key) if is_primitive else self._digests.of(key)].append(entry)
        for group in groups.values():
            if len(group) > 1:
                group.sort(key=lambda entry: self._digests.of(entry[1]))
        return groups


def _is_same(one: Any, other: Any) -> bool:
    """Whether a primitive is equal to another value."""
    return type(one) is type(other) and (one == other or (one != one and other != other))  # noqa: PLR0124


def _is_equal_object(one: Any, other: Any) -> bool:
    try:
        return type(one) is type(other) and bool(one == other)
    except FAILURES:
        return False


class _Items:
    """Compares the values of keys, and those without a shape by what a serializer writes of them.

    Args:
        dumps: the application's serializer; None for one of Beaker's, whose values have shapes.
    """

    def __init__(self, dumps: Dumps | None) -> None:
        self._dumps = dumps
        self._comparison = Comparison(trusts_equality=dumps is None)

    def differ(self, key: Any, one: Any, other: Any) -> bool:
        """Whether a key's values are not equal."""
        if self._comparison.is_equal(one, other):
            return False
        if self._dumps is None or not self._comparison.has_met_opaque:
            return True
        return not _is_written_equal(self._dumps, {key: one}, {key: other})


def _is_written_equal(dumps: Dumps, one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    try:
        written = dumps(one)
        if written == dumps(other):
            return True
        # Some serializers write one content in many ways: only `==` is left.
        return written != dumps(one) and _is_equal_object(one, other)
    except FAILURES:
        return _is_equal_object(one, other)


class _PlainText:
    """Values as bytes, if they hold nothing but builtin values. Most sessions do.

    It stops at `PLAIN_LIMIT`, because
    values that share a large part contain it each.
    """

    def __init__(self) -> None:
        self._left = PLAIN_LIMIT

    def is_equal(self, one: object, other: object) -> bool:
        """True if the values are equal; False says nothing."""
        text = self._of(one)
        return text is not None and text == self._of(other)

    def _of(self, value: object) -> bytes | None:
        if self._left <= 0:
            return None
        buffer = BytesIO()
        try:
            _PlainPickler(buffer, 4).dump(value)
        except (_NotPlainError, RecursionError):
            return None
        finally:
            self._left -= buffer.tell()
        return buffer.getvalue()


class _NotPlainError(Exception):
    pass


class _PlainPickler(pickle.Pickler):
    def reducer_override(self, _value: object) -> Any:
        raise _NotPlainError
