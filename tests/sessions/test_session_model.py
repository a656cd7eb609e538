"""Random interleavings of requests of one session, compared with a plain model of the table."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, cast
from uuid import uuid4

import pytest
from beaker.session import Session
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.support.effort import EFFORT
from tests.support.internals import forget_connections
from tests.support.pages import KINDS
from tests.support.plugin import Clock
from tests.support.wire import Wire

pytestmark = [pytest.mark.usefixtures("create_table"), pytest.mark.moto_in_ci]

KEYS = st.sampled_from(["a", "b"])
VALUES = st.sampled_from([0, 1, True, 1.0, [], [1]])
SECONDS = st.sampled_from([0.001, 1, 29, 31])

Content = dict[str, Any]
Changes = list[Callable[[Content], object]]


def put(key: str, value: object) -> Callable[[Content], object]:
    return lambda session: session.update({key: copy.copy(value)})


def remove(key: str) -> Callable[[Content], object]:
    return lambda session: session.pop(key, None)


def append(key: str) -> Callable[[Content], object]:
    def append_in_place(session: Content) -> None:
        if isinstance(session.get(key), list):
            session[key].append(7)

    return append_in_place


CHANGES = st.lists(
    st.one_of(st.builds(put, KEYS, VALUES), st.builds(remove, KEYS), st.builds(append, KEYS)),
    max_size=2,
)


@dataclass
class Stored:
    """The session that the table should hold; each new session under the id is another object."""

    content: Content


@dataclass
class Request:
    """A request that has loaded the session, the session it has found, and its content then."""

    session: Any
    found: Stored | None
    content: Content


class Requests(RuleBasedStateMachine):
    """An acknowledged change is there until another change or the end of the session."""

    requests = Bundle("requests")

    def __init__(self, options: dict[str, Any], clock: Clock, wire: Wire) -> None:
        super().__init__()
        self._options = {"type": "ext:dynamodb", "session_class": Session, **options}
        self._clock = clock
        self._wire = wire
        wire.forget_prepared()  # by a failed run
        self._id = uuid4().hex
        self._stored: Stored | None = None

    @initialize(target=requests, changes=CHANGES)
    def begin_the_session(self, changes: Changes) -> Any:
        """Two requests of an existing session: the other rules need them."""
        self.save(self.begin(0.001), [put("a", [1]), *changes])
        return multiple(self.begin(31), self.begin(1))

    @rule(target=requests, seconds=SECONDS)
    def begin(self, seconds: float) -> Any:
        self._clock.advance(seconds)
        session = self._load()
        return Request(session, self._stored, copy.deepcopy(content(session)))

    @rule(request=requests, changes=CHANGES)
    def save(self, request: Request, changes: Changes) -> None:
        for change in changes:
            change(request.session)
        self._save(request)

    @rule(request=requests, changes=CHANGES)
    def touch(self, request: Request, changes: Changes) -> None:
        for change in changes:
            change(request.session)
        request.session.save(accessed_only=True)
        if not request.session.is_new:
            # Beaker saves a copy that shares its nested values with the session.
            self._expect(request, request.session.accessed_dict)

    @rule(request=requests, changes=CHANGES)
    def save_and_lose_the_answer(self, request: Request, changes: Changes) -> None:
        self._wire.lose_answer_of("PutItem")
        self.save(request, changes)
        self._wire.forget_prepared()

    @rule(request=requests, other=requests, changes=CHANGES, others_changes=CHANGES)
    def save_while_another_is_about_to(
        self, request: Request, other: Request, changes: Changes, others_changes: Changes
    ) -> None:
        if request is not other:
            self._wire.before_next("PutItem", lambda: self.save(request, changes))
            self.save(other, others_changes)
            self._wire.forget_prepared()

    @rule(request=consumes(requests), other=requests, changes=CHANGES)
    def log_out_while_another_is_about_to_save(
        self, request: Request, other: Request, changes: Changes
    ) -> None:
        if request is not other:
            self._wire.before_next("PutItem", lambda: self.log_out(request))
            self.save(other, changes)
            self._wire.forget_prepared()

    @rule(request=consumes(requests))
    def log_out(self, request: Request) -> None:
        request.session.delete()
        self._save(request)

    @rule(target=requests, request=consumes(requests), changes=CHANGES)
    def log_out_and_in_again(self, request: Request, changes: Changes) -> Any:
        self.log_out(request)
        successor = self.begin(1)
        self.save(successor, [put("b", 0), *changes])
        return successor

    @invariant()
    def every_acknowledged_change_is_there(self) -> None:
        expected = self._stored.content if self._stored else {}
        assert same(content(self._load()), expected)

    def _load(self) -> Any:
        session_class = self._options["session_class"]
        return session_class({}, use_cookies=False, id=self._id, **self._options)

    def _save(self, request: Request) -> None:
        request.session.save()
        self._expect(request, request.session)

    def _expect(self, request: Request, session: Content) -> None:
        """Expect the changes of a save, if the session still exists."""
        if session.keys() <= {"_domain", "_path"}:
            self._stored = None
            return
        saved = copy.deepcopy(content(session))
        changed = changed_keys(request.content, saved)
        if request.found is None and changed:
            self._stored = request.found = self._stored or Stored({})
        if request.found is not None and request.found is self._stored:
            for key in changed:
                self._stored.content.pop(key, None)
            self._stored.content.update({key: saved[key] for key in changed & saved.keys()})
            request.content = saved


def content(session: Content) -> Content:
    return {key: value for key, value in session.items() if not key.startswith("_")}


def same(one: object, other: object) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def changed_keys(before: Content, after: Content) -> set[str]:
    kept = {key for key in before.keys() & after.keys() if same(before[key], after[key])}
    return (before.keys() | after.keys()) - kept


@pytest.mark.parametrize("kind", KINDS)
def test_no_interleaving_loses_an_acknowledged_change(
    dynamodb: Any, clock: Clock, wire: Wire, kind: str
) -> None:
    options = {**dynamodb.options, **KINDS[kind]}
    number = count()

    def begin() -> RuleBasedStateMachine:
        if next(number) % 10 == 0:
            # A botocore client has a quota of retries, and each lost answer uses some.
            forget_connections()
        return Requests(options, clock, wire)

    run_state_machine_as_test(
        cast("type[RuleBasedStateMachine]", begin),
        settings=settings(
            max_examples=EFFORT.interleavings,
            stateful_step_count=25,
            derandomize=True,
            database=None,
        ),
    )
