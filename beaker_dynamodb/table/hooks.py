"""Whether somebody watches or replaces the calls of a botocore client."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from botocore.client import BaseClient
from botocore.endpoint import Endpoint
from botocore.hooks import HierarchicalEmitter
from botocore.httpsession import URLLib3Session
from pynamodb.connection import Connection
from urllib3.connectionpool import HTTPConnectionPool

#: The modules whose handlers of events do what the lean client does itself.
_OWN = ("botocore.", f"{__package__}.")
_STUBBER = "botocore.stub"


class ObservedEvents(HierarchicalEmitter):  # type: ignore[misc]  # botocore is not annotated
    """botocore's emitter of events, which remembers the handlers that others have registered.

    botocore copies the emitter of a session for each client; the copies remember together.
    """

    def __init__(self) -> None:
        super().__init__()
        self._foreign: list[tuple[str, object, Callable[..., Any]]] = []

    @property
    def has_foreign_handlers(self) -> bool:
        """Whether a call would reach a handler that is neither botocore's nor this package's.

        One with an attribute `enabled` that is false, as moto's, does nothing.
        """
        return any(getattr(handler, "enabled", True) for *_, handler in self._foreign)

    def register(self, event_name: str, handler: Any, *args: Any, **kwargs: Any) -> None:
        """Register a handler."""
        super().register(event_name, handler, *args, **kwargs)
        self._remember(event_name, handler, *args, **kwargs)

    def register_first(self, event_name: str, handler: Any, *args: Any, **kwargs: Any) -> None:
        """Register a handler that is called before others."""
        super().register_first(event_name, handler, *args, **kwargs)
        self._remember(event_name, handler, *args, **kwargs)

    def register_last(self, event_name: str, handler: Any, *args: Any, **kwargs: Any) -> None:
        """Register a handler that is called after others."""
        super().register_last(event_name, handler, *args, **kwargs)
        self._remember(event_name, handler, *args, **kwargs)

    def unregister(
        self, event_name: str, handler: Any = None, unique_id: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        """Remove a handler."""
        super().unregister(event_name, handler, unique_id, *args, **kwargs)
        for known in self._foreign:
            if known[0] == event_name and (known[1] or known[2]) == (unique_id or handler):
                self._foreign.remove(known)
                return

    def _remember(self, event_name: str, handler: Any, unique_id: Any = None, *_: Any) -> None:
        # botocore registers a handler once under an ID.
        is_known = unique_id is not None and any(unique_id == known[1] for known in self._foreign)
        if not is_known and not _is_own(handler) and _concerns_calls(event_name):
            self._foreign.append((event_name, unique_id, handler))


def is_replaced(client: Any) -> bool:
    """Whether a function that a call of a client passes through is not botocore's own."""
    method = getattr(client, "_make_api_call", None)
    if getattr(method, "__func__", None) is not _ENTRIES[0][2]:
        return True
    return any(vars(owner)[name] is not original for owner, name, original in _ENTRIES)


def _original(owner: type, name: str) -> object:
    """A method as its library defines it; of one that is replaced, an object like no other."""
    function = vars(owner)[name]
    # A wrapper can have any name, but it has the globals of the module that it was written in.
    is_function = type(function) is FunctionType
    module = function.__globals__["__name__"] if is_function else ""
    is_own = module.partition(".")[0] == owner.__module__.partition(".")[0]
    return function if is_own else object()


#: What tracers and tests replace: X-Ray, OpenTelemetry, ddtrace, New Relic, `unittest.mock`.
_ENTRIES = tuple(
    (owner, name, _original(owner, name))
    for owner, name in (
        (BaseClient, "_make_api_call"),
        (Endpoint, "make_request"),
        (Endpoint, "prepare_request"),
        (URLLib3Session, "send"),
        (HTTPConnectionPool, "urlopen"),
        (Connection, "_make_api_call"),
    )
)


def _is_own(handler: Any) -> bool:
    module = getattr(handler, "__module__", None) or ""
    return module.startswith(_OWN) and module != _STUBBER


def _concerns_calls(event_name: str) -> bool:
    _, _, service = event_name.partition(".")
    return not service or service.split(".")[0] in {"*", "dynamodb"}
