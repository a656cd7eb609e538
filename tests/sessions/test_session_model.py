"""Random interleavings of requests of one session, compared with a plain model of the table."""

from __future__ import annotations

import copy
import enum
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from beaker.session import Session
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from beaker_dynamodb import ConflictError, DynamoDBSession
from beaker_dynamodb.testing import Clock
from tests.support.effort import EFFORT
from tests.support.pages import KINDS
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")


class Key(enum.Enum):
    """A key that an application can define."""

    USER = "user"


#: Keys of a session: any in a pickle, only texts in JSON.
TEXT_KEYS: list[Hashable] = ["a", "b", "c", "d", "e"]
ODD_KEYS: list[Hashable] = ["a", Key.USER, ("a", 1), b"a", UUID(int=1)]
PICKLED = {"pickle", "encrypted"}

NUMBERS = st.integers(0, len(ODD_KEYS) - 1)
VALUES = st.sampled_from([0, 1, True, 1.0, [], [1]])
SECONDS = st.sampled_from([0.001, 1, 29, 31])
#: A marker lives 900 s, and a run of 25 steps less.
MOST_IDS = 5

Content = dict[Any, Any]
Change = Callable[[Content, list[Hashable]], object]
Changes = list[Change]


def put(number: int, value: object) -> Change:
    return lambda session, keys: session.update({keys[number]: copy.copy(value)})


def remove(number: int) -> Change:
    return lambda session, keys: session.pop(keys[number], None)


def append(number: int) -> Change:
    def append_in_place(session: Content, keys: list[Hashable]) -> None:
        if isinstance(session.get(keys[number]), list):
            session[keys[number]].append(7)

    return append_in_place


CHANGES = st.lists(
    st.one_of(
        st.builds(put, NUMBERS, VALUES), st.builds(remove, NUMBERS), st.builds(append, NUMBERS)
    ),
    max_size=2,
)


class Action(enum.Enum):
    """What a request does with the session that it has loaded, before it saves it."""

    CHANGE = "changes it"
    LOG_IN = "clears it, and begins another one"
    LOG_OUT = "deletes it"
    RENAME = "changes it, and gives it a new id"
    LOG_IN_AND_RENAME = "clears it, and begins another one under a new id"

    @property
    def clears(self) -> bool:
        return self in {Action.LOG_IN, Action.LOG_IN_AND_RENAME}

    @property
    def renames(self) -> bool:
        return self in {Action.RENAME, Action.LOG_IN_AND_RENAME}


ACTIONS = st.sampled_from([Action.CHANGE, Action.CHANGE, *Action])
#: Which of a request's writes something happens to: a rename makes two.
WRITES = st.integers(0, 1)


@dataclass(eq=False)
class Stored:
    """A session that the table should hold; each new session under an id is another object."""

    content: Content
    replaced_all: bool = False
    writes: int = 0


@dataclass(eq=False)
class Renamed:
    """The marker of a session that goes on under other ids."""

    session: Stored
    successors: list[tuple[str, Stored]] = field(default_factory=list)


@dataclass(eq=False)
class Request:
    """A request that has loaded the session.

    Attributes:
        session: Beaker's object.
        id: under which it saves the session.
        found: the session that it has found, or begun.
        content: as the request last loaded or saved it.
        has_times: whether that had a creation time, which `clear` removes.
        is_lost: whether it gave up a session that had ended, or has nothing under its new id.
        writes: how often the session had been written then.
        has_saved: whether it has written the session itself.
    """

    session: Any
    id: str
    found: Stored | None
    content: Content
    has_times: bool = True
    is_lost: bool = False
    writes: int = 0
    has_saved: bool = False

    def may_store_unsaved(self) -> bool:
        """Whether a touch stores what the application has changed in place without a save."""
        if not isinstance(self.session, DynamoDBSession):
            return True
        return not self.has_saved and self.found is not None and self.writes == self.found.writes

    def know(self, found: Stored, saved: Content) -> None:
        """Take what was written as the session that this request has loaded."""
        found.writes += 1
        self.found, self.writes, self.has_saved = found, found.writes, True
        self.content = copy.deepcopy(content(saved))
        self.has_times = "_creation_time" in saved

    def forget(self) -> None:
        """Know of no session."""
        self.found, self.content = None, {}

    def begins_another(self, saved: Content) -> bool:
        """Whether the application has cleared the session since."""
        return "_creation_time" not in saved and (self.found is None or self.has_times)

    def ends(self, saved: Content) -> bool:
        """Whether the application has ended the session since."""
        return is_cleared(saved) or self.begins_another(saved)


class Table:
    """What the table should hold under each id."""

    def __init__(self) -> None:
        self.places: dict[str, Stored | Renamed] = {}

    def content(self, session_id: str) -> Content:
        """What a request should find under an id."""
        place = self.places.get(session_id)
        return place.content if isinstance(place, Stored) else {}

    def save(self, request: Request, saved: Content) -> None:
        """A request saves the session under the id that it was loaded from."""
        if is_cleared(saved):
            self.end(request.id, request.found)
            request.forget()
        elif request.found is None or request.begins_another(saved):
            self._begin(request, saved)
        elif self.places.get(request.id) is request.found:
            self._change(request, request.found, saved)

    def refuses(self, request: Request, saved: Content) -> bool:
        """Whether a request begins a session where another one's successors must be found."""
        place = self.places.get(request.id)
        begins = bool(content(saved)) and (request.found is None or request.begins_another(saved))
        return begins and isinstance(place, Renamed) and place.session is not request.found

    def end(self, session_id: str, session: Stored | None) -> None:
        """A session ends under an id, and wherever it goes on."""
        place = self.places.get(session_id)
        if isinstance(place, Renamed) and place.session is session:
            for successor in place.successors:
                self.end(*successor)
            del self.places[session_id]
        elif place is not None and place is session:
            del self.places[session_id]

    def rename(self, request: Request, saved: Content, *, ends_old_id: bool) -> None:
        """A request saves the session under a new id."""
        old_id, found = request.id, request.found
        request.id = request.session.id
        if ends_old_id and found and not request.ends(saved):
            self._move(request, found, old_id, saved)
        else:
            request.forget()
            self.save(request, saved)
            if ends_old_id:
                self.end(old_id, found)
        request.is_lost = request.found is None

    def _begin(self, request: Request, saved: Content) -> None:
        replaces_all = request.found is not None or "_creation_time" not in saved
        place = self.places.get(request.id)
        if isinstance(place, Renamed):
            self.end(request.id, request.found)
            place = None
        if place is None or replaces_all:
            if not content(saved):
                return
            place = self.places[request.id] = Stored({}, replaces_all)
        elif place.replaced_all or not content(saved):
            return
        place.content.update(copy.deepcopy(content(saved)))
        request.know(place, saved)

    def _change(self, request: Request, found: Stored, saved: Content) -> None:
        changed = changed_keys(request.content, content(saved))
        if changed or request.has_times != ("_creation_time" in saved):
            apply(found.content, changed, saved)
            request.know(found, saved)

    def _latest(self, marker: Renamed, session: Stored) -> Stored | None:
        """A session under the id that it was last given and still has."""
        for session_id, moved in reversed(marker.successors if marker.session is session else []):
            place = self.places.get(session_id)
            latest = self._latest(place, moved) if isinstance(place, Renamed) else place
            if latest is moved or (latest and isinstance(place, Renamed)):
                return latest
        return None

    def _move(self, request: Request, found: Stored, old_id: str, saved: Content) -> None:
        place = self.places.get(old_id)
        if place is found:
            moved, marker = Stored(found.content), Renamed(found)
        elif isinstance(place, Renamed) and (latest := self._latest(place, found)):
            moved, marker = Stored(copy.deepcopy(latest.content)), place
        else:
            request.forget()
            return
        apply(moved.content, changed_keys(request.content, content(saved)), saved)
        self.places[old_id], self.places[request.id] = marker, moved
        marker.successors.append((request.id, moved))
        request.know(moved, saved)


class Requests(RuleBasedStateMachine):
    """An acknowledged change is there until another change or the end of the session."""

    requests = Bundle("requests")

    def __init__(
        self, options: dict[str, Any], keys: list[Hashable], clock: Clock, wire: Wire
    ) -> None:
        super().__init__()
        self._options = {"type": "ext:dynamodb", "session_class": Session, **options}
        self._keys = keys
        self._clock = clock
        self._wire = wire
        wire.forget_prepared()  # by a failed run
        self._ids = [uuid4().hex]
        self._table = Table()

    @initialize(target=requests, changes=CHANGES)
    def begin_the_session(self, changes: Changes) -> Any:
        """Two requests of an existing session: the other rules need them."""
        self.act(self.begin(0.001, 0), Action.CHANGE, [put(0, [1]), *changes])
        return multiple(self.begin(31, 0), self.begin(1, 0))

    @rule(target=requests, seconds=SECONDS, number=st.integers(0, MOST_IDS - 1))
    def begin(self, seconds: float, number: int) -> Any:
        self._clock.advance(seconds)
        session_id = self._ids[-1 - number % len(self._ids)]
        session = self._load(session_id)
        place = self._table.places.get(session_id)
        found = place if isinstance(place, Stored) else None
        # DynamoDBSession does not use an id again that was given up.
        assert (session.id == session_id) == (not isinstance(place, Renamed))
        writes = found.writes if found else 0
        known = copy.deepcopy(content(session))
        return Request(session, session.id, found, known, writes=writes)

    @rule(request=requests, action=ACTIONS, changes=CHANGES)
    def act(self, request: Request, action: Action, changes: Changes) -> None:
        if request.is_lost or (action.renames and len(self._ids) == MOST_IDS):
            return
        session = request.session
        if action is Action.LOG_OUT:
            session.delete()
        elif action.clears:
            session.clear()
        for change in changes if action is not Action.LOG_OUT else []:
            change(session, self._keys)
        if action.renames:
            self._rename(request)
        else:
            self._save(request)

    @rule(request=requests, changes=CHANGES)
    def touch(self, request: Request, changes: Changes) -> None:
        if request.is_lost or request.found is None:
            return
        for change in changes:
            change(request.session, self._keys)
        request.session.save(accessed_only=True)
        # What this request has replaced by a login is not stored again.
        if request.session.is_new or not request.has_times or not request.may_store_unsaved():
            return
        has_saved = request.has_saved
        # Beaker saves a copy that shares its nested values with the session.
        self._table.save(request, request.session.accessed_dict)
        request.has_saved = has_saved

    @rule(request=requests, action=ACTIONS, changes=CHANGES, number=WRITES)
    def act_and_lose_an_answer(
        self, request: Request, action: Action, changes: Changes, number: int
    ) -> None:
        if request.found is None or self._table.places.get(request.id) is not request.found:
            # A beginning whose first write was refused, perhaps after it was done, is given up.
            number = 1
        self._skip_writes(number)
        self._wire.lose_answer_of("PutItem")
        self.act(request, action, changes)
        self._wire.forget_prepared()

    @rule(
        request=requests,
        other=requests,
        action=ACTIONS,
        others_action=ACTIONS,
        changes=CHANGES,
        others_changes=CHANGES,
        number=WRITES,
    )
    def act_while_another_is_about_to(
        self,
        request: Request,
        other: Request,
        action: Action,
        others_action: Action,
        changes: Changes,
        others_changes: Changes,
        number: int,
    ) -> None:
        if request is not other:
            self._skip_writes(number)
            self._wire.before_next("PutItem", lambda: self.act(request, action, changes))
            self.act(other, others_action, others_changes)
            self._wire.forget_prepared()

    @rule(target=requests, request=requests, changes=CHANGES)
    def log_out_and_in_again(self, request: Request, changes: Changes) -> Any:
        self.act(request, Action.LOG_OUT, [])
        successor = self.begin(1, 0)
        self.act(successor, Action.CHANGE, [put(1, 0), *changes])
        return successor

    @invariant()
    def every_acknowledged_change_is_there(self) -> None:
        for session_id in self._ids:
            found = content(self._load(session_id))
            assert shown(found) == shown(self._table.content(session_id))

    def _load(self, session_id: str) -> Any:
        session_class = self._options["session_class"]
        return session_class({}, use_cookies=False, id=session_id, **self._options)

    def _save(self, request: Request) -> None:
        session = request.session
        try:
            session.save()
        except ConflictError:
            assert self._table.refuses(request, session)
        else:
            assert not self._table.refuses(request, session)
            self._table.save(request, session)

    def _rename(self, request: Request) -> None:
        session = request.session
        session.regenerate_id()
        session.save()
        self._table.rename(request, session, ends_old_id=isinstance(session, DynamoDBSession))
        if not request.is_lost:
            self._ids.append(request.id)

    def _skip_writes(self, number: int) -> None:
        for _ in range(number):
            self._wire.before_next("PutItem", lambda: None)


def is_cleared(saved: Content) -> bool:
    """Whether the application has deleted the session, or cleared it."""
    return saved.keys() <= {"_domain", "_path"}


def content(session: Content) -> Content:
    """What the application has put into a session."""
    return {
        key: value
        for key, value in session.items()
        if not (isinstance(key, str) and key.startswith("_"))
    }


def shown(values: Content) -> Content:
    """Values that differ if they are equal but not of one type."""
    return {key: repr(value) for key, value in values.items()}


def changed_keys(before: Content, after: Content) -> set[Any]:
    old, new = shown(before), shown(after)
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


def apply(target: Content, changed: set[Any], saved: Content) -> None:
    for key in changed:
        target.pop(key, None)
    target.update({key: copy.deepcopy(saved[key]) for key in changed & saved.keys()})


@pytest.mark.parametrize("kind", KINDS)
def test_no_interleaving_loses_an_acknowledged_change(
    dynamodb: Any, clock: Clock, wire: Wire, kind: str
) -> None:
    options = {**dynamodb.options, **KINDS[kind]}
    keys = ODD_KEYS if kind in PICKLED else TEXT_KEYS

    def begin() -> RuleBasedStateMachine:
        return Requests(options, keys, clock, wire)

    run_state_machine_as_test(
        cast("type[RuleBasedStateMachine]", begin),
        settings=settings(
            max_examples=EFFORT.interleavings,
            stateful_step_count=25,
            derandomize=True,
            database=None,
        ),
    )
