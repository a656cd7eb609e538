"""Hands the errors of this package to the application's function `on_error`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from ..errors import BeakerDynamoDBError

logger = logging.getLogger("beaker_dynamodb.table")

Method = TypeVar("Method", bound=Callable[..., Any])


class _Thread(threading.local):
    is_reporting = False


_thread = _Thread()


class ErrorHook:
    """Calls the application's function with each error once.

    Args:
        function: the option `on_error`; None for none.
    """

    def __init__(self, function: Callable[[BeakerDynamoDBError], object] | None) -> None:
        self._function = function

    def report(self, error: BeakerDynamoDBError) -> None:
        """Call the function; an exception that it raises is logged.

        An error that the function itself gets, in a session or cache that it uses, is not
        reported: in an outage it would call itself for ever.
        """
        if self._function is None or error.is_reported or _thread.is_reporting:
            return
        error.is_reported = _thread.is_reporting = True
        try:
            self._function(error)
        except Exception as failure:  # the application raises what it likes
            # The context is the error that was reported, and is logged elsewhere.
            failure.__suppress_context__ = True
            logger.exception("the function on_error has raised an exception", exc_info=failure)
        finally:
            _thread.is_reporting = False


def reported(method: Method) -> Method:
    """A method whose errors are reported on their way to Beaker, by `report` of its object."""

    @wraps(method)
    def reporting(self: Any, *arguments: Any, **named: Any) -> Any:
        try:
            return method(self, *arguments, **named)
        except BeakerDynamoDBError as error:
            self.report(error)
            raise

    return cast("Method", reporting)
