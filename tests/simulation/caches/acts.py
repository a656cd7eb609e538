"""What the clients do: calls on a cache."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from beaker_dynamodb import LockTimeout, StoreUnavailable

from .call import KEYS, Call, Cost, CreationFailed, User, text
from .site import LEASE, NAMESPACE

#: In seconds: how long a slow creation takes, at most twice its lease.
SLOWNESS = (0.5, 2.5, 5.1, LEASE + 0.2, 2.0 * LEASE)


def get(user: User, call: Call) -> None:
    """Get a value, or make it at once."""
    _get(user, call, lambda: call.make(0.0))


def get_slow(user: User, call: Call) -> None:
    """Get a value, or make it slowly."""
    _get(user, call, lambda: call.make(_slowness(call)))


def get_failing(user: User, call: Call) -> None:
    """Get a value; its creation fails."""
    _get(user, call, lambda: call.make(0.0, fails=True))


def get_failing_slowly(user: User, call: Call) -> None:
    """Get a value; its creation takes long and fails."""
    _get(user, call, lambda: call.make(_slowness(call), fails=True))


def get_nested(user: User, call: Call) -> None:
    """Get a value, which a creation function gets from another cache of the same name."""

    def outer() -> str:
        user.other.get(call.key, createfunc=lambda: call.make(0.0))
        return call.make(0.0)

    _get(user, call, outer)


def put(user: User, call: Call) -> None:
    """Put a value: nothing binds it to an order but its acknowledgement."""
    creation = call.put()
    user.cache.put(call.key, text(creation))
    if not call.client.calls.faults:
        creation.began = call.shop.world.now


def remove(user: User, call: Call) -> None:
    """Remove a value."""
    _remove(user, call, (call.key,), partial(user.cache.remove_value, call.key))


def clear(user: User, call: Call) -> None:
    """Remove all values."""
    _remove(user, call, KEYS, user.cache.clear)


def contains(user: User, call: Call) -> None:
    """Look whether there is a value."""
    assert (call.key in user.cache) in {True, False}


def keys(user: User, call: Call) -> None:
    """List the keys."""
    listed = user.cache.namespace.keys()
    if not {*listed} <= {key.encode() for key in KEYS}:
        call.report("a key is listed that nobody has used")


def look(user: User, call: Call) -> None:
    """Get a value if there is one, long after all that was late has arrived."""
    try:
        call.serve(user.cache.get(call.key))
    except KeyError:
        call.report(call.shop.model.judge_missing((NAMESPACE, call.key)))


ACTS: dict[str, Callable[[User, Call], None]] = {
    act.__name__: act
    for act in (
        get,
        get_slow,
        get_failing,
        get_failing_slowly,
        get_nested,
        put,
        remove,
        clear,
        contains,
        keys,
    )
}
_ALL = {**ACTS, "look": look}


def perform(user: User, act: str, key: str) -> None:
    """Run one call, and judge what it comes to."""
    call = Call(user.shop, user.client, act, key)
    try:
        with suppress(CreationFailed):
            _ALL[act](user, call)
    except (StoreUnavailable, LockTimeout) as error:
        call.refuse(error)
        user.shop.world.note(user.client, f"{key}: {act} is refused: {error}")
    else:
        call.acknowledge(_cost(call, act))
        user.shop.world.note(user.client, f"{key}: {act} is answered")
    finally:
        user.shop.leave(call)


def _get(user: User, call: Call, make: Callable[[], str]) -> None:
    call.serve(user.cache.get(call.key, createfunc=make))


def _remove(
    user: User, call: Call, removed: tuple[str, ...], remove_values: Callable[[], object]
) -> None:
    user.client.needs_strong_reads = True
    try:
        remove_values()
    finally:
        user.client.needs_strong_reads = False
    user.shop.model.remove(removed, call.began)


def _slowness(call: Call) -> float:
    return call.shop.world.random.choice(SLOWNESS)


def _cost(call: Call, act: str) -> Cost:
    """Most calls to DynamoDB that an act takes alone, as docs/caches.md has them.

    `repair` is what a value costs that an older release has left with parts that expire.
    """
    is_large = "large" in call.keys
    #: Its parts are stored, those that it replaces are removed; and again, to live for ever.
    parts = is_large * (2 + 2 * call.shop.is_permanent)
    repair = 2 * is_large * call.shop.is_permanent
    costs = {
        "get": Cost(1 + is_large, 2 + parts + repair),
        "get_nested": Cost(3 + 3 * is_large, 3 + 2 * parts + repair),
        "put": Cost(0, 1 + parts),
        "remove": Cost(1 + is_large, 1 + is_large + repair),
        "clear": Cost(3, 1),
        "contains": Cost(1 + is_large, repair),
        "keys": Cost(5, repair),
    }
    return costs.get(act, costs["get"])
