"""DynamoDB's endpoint, as the package sees it in a run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from greenlet import GreenletExit

from .store import Answer, Arguments
from .world import TABLE, World


class Endpoint:
    """Stands in for botocore's client: sends each attempt as a step.

    Args:
        patience: how long an attempt waits for its answer, in seconds.
    """

    meta = SimpleNamespace(region_name=TABLE)
    world: World

    def __init__(self, patience: float) -> None:
        self._patience = patience

    def _make_api_call(self, operation: str, arguments: Arguments) -> Answer:
        client = Endpoint.world.current
        assert client is not None
        if client.is_killed:
            raise GreenletExit
        began = Endpoint.world.now
        outcome: Any = client.attempt(operation, arguments)
        if isinstance(outcome, Exception) and not isinstance(outcome, ClientError):
            client.sleep(self._patience)
        client.calls.count(operation, arguments, outcome, began, Endpoint.world.now)
        if isinstance(outcome, Exception):
            raise outcome
        answer: Answer = outcome
        return answer

    def close(self) -> None:
        """Do nothing: there are no connections."""
