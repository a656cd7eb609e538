"""What the clients do: pages of an application, each a request through Beaker's session."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from greenlet import GreenletExit

from beaker_dynamodb import LockTimeout

from ..clients import Client
from .model import Session
from .visit import COUNTER, REFUSALS, SHARED, Application, Visit, read_value

#: In seconds: how long a slow page takes.
SLOWNESS = (0.5, 5.0, 90.0)


def read(visit: Visit) -> None:
    """A page that only reads."""
    visit.is_reading = True
    visit.load()


def change(visit: Visit) -> None:
    """A page that changes the client's own key."""
    session = visit.load()
    if session:
        visit.put(session, visit.key)
        visit.beaker.save()


def change_shared(visit: Visit) -> None:
    """A page that changes a key that others change, too."""
    session = visit.load()
    if session:
        visit.put(session, SHARED)
        visit.beaker.save()


def remove_key(visit: Visit) -> None:
    """A page that removes the client's own key."""
    session = visit.load()
    if session and visit.key in visit.beaker:
        del visit.beaker[visit.key]
        visit.expect(session, visit.key, None)
        visit.beaker.save()


def slow_change(visit: Visit) -> None:
    """A page that takes its time, then changes the client's own key."""
    session = visit.load()
    if session:
        visit.client.sleep(visit.application.world.random.choice(SLOWNESS))
        visit.put(session, visit.key)
        visit.beaker.save()


def slow_read(visit: Visit) -> None:
    """A page that only reads, and takes its time."""
    visit.load()
    visit.client.sleep(visit.application.world.random.choice(SLOWNESS))


def log_in(visit: Visit) -> None:
    """A login by clear() and new keys; by new keys alone under a new id."""
    visit.load()
    if visit.cookie is not None:
        # Two requests that begin a session by new keys alone, in an empty place, are joined.
        visit.beaker.clear()
    _begin(visit)


def log_in_after_delete(visit: Visit) -> None:
    """A login by delete() and new keys."""
    visit.load()
    visit.beaker.delete()
    _begin(visit)


def _begin(visit: Visit) -> None:
    # What was cleared ends under its other ids, too.
    visit.may_repeat = visit.may_conflict = True
    application, replaced = visit.application, visit.session
    visit.session = None
    # A login that is under way may store its session once more, and comes last then.
    was_beginning = replaced is not None and application.model.is_beginning(replaced)
    user = f"user{application.number()}"
    session = application.model.begin(visit.beaker.id, user)
    visit.beaker["user"] = user
    visit.beaker.save()

    def finish(is_answered: bool, moment: float) -> None:
        cookie = visit.beaker.id if is_answered else None
        application.model.finish_beginning(session, cookie, moment)
        if is_answered:
            session.activity.append((moment, visit.began))
            application.give(visit.beaker.id)
            if replaced is not None and not was_beginning:
                replaced.end(moment)

    visit.finally_(finish)


def renew_id(visit: Visit) -> None:
    """A login by regenerate_id(): the session goes on under a new id."""
    session = visit.load()
    if session:
        _renew(visit, session)


def change_and_renew_id(visit: Visit) -> None:
    """A page that stores a change, then goes on under a new id."""
    session = visit.load()
    if session:
        visit.put(session, visit.key)
        visit.beaker.save()
        visit.beaker.persist()
        visit.most_writes += 1
        _renew(visit, session)


def _renew(visit: Visit, session: Session) -> None:
    application = visit.application
    session.may_be_renamed = True
    # A login that is under way may store its session once more, and comes last then.
    is_settled = not application.model.is_beginning(session)
    visit.beaker.regenerate_id()
    visit.beaker.save()
    visit.most_reads += 1
    visit.most_writes += 1
    # After a conflict, the row under the new id is written again, too.
    visit.may_repeat = True

    def finish(is_answered: bool, moment: float) -> None:
        if is_answered:
            child = application.model.rename(session, visit.beaker.id, visit.began, moment)
            if is_settled:
                session.renamed = min(session.renamed, moment)
            else:
                child.threaten()
            application.give(visit.beaker.id)

    visit.finally_(finish)


def log_out(visit: Visit) -> None:
    """A logout by delete()."""
    if _ends(visit, visit.load()):
        visit.beaker.delete()


def log_out_by_clear(visit: Visit) -> None:
    """A logout by clear()."""
    if _ends(visit, visit.load()):
        visit.beaker.clear()
        visit.beaker.save()


def invalidate(visit: Visit) -> None:
    """A logout by invalidate(), which reads nothing under the new id."""
    if _ends(visit, visit.load()):
        visit.beaker.invalidate()


def remove_namespace(visit: Visit) -> None:
    """A logout by an identity provider, which removes the namespace of an id."""
    loaded = visit.load_by_id()
    visit.most_reads += 1
    if _ends(visit, visit.session):
        loaded.namespace.do_remove()


def _ends(visit: Visit, session: Session | None) -> bool:
    """Expect that the page ends the session; False if it has loaded none."""
    if session is None:
        return False
    # The rows under the ids that it was renamed to end first, then the marker is replaced.
    visit.may_repeat = True
    session.threaten()
    visit.session = None
    was_beginning = visit.application.model.is_beginning(session)

    def finish(is_answered: bool, moment: float) -> None:
        if is_answered and not was_beginning:
            session.end(moment)

    visit.finally_(finish)
    return True


def administer(visit: Visit) -> None:
    """A page on which an administrator changes another one's session, by its id."""
    loaded = visit.load_by_id()
    session = visit.session
    if session:
        number = visit.application.number()
        loaded[visit.key] = visit.application.make_value(session.user, number)
        visit.expect(session, visit.key, (session.user, number))
        loaded.save()


def count(visit: Visit) -> None:
    """A page that counts under the session's lock, as README shows it."""
    _count_under_lock(visit, _hurry)


def count_slowly(visit: Visit) -> None:
    """The same, but its work takes its time, and locks the session once more meanwhile."""
    _count_under_lock(visit, _dawdle)


def _hurry(_: Visit) -> None:
    """Do nothing else under the lock."""


def _dawdle(visit: Visit) -> None:
    visit.client.sleep(visit.application.world.random.choice(SLOWNESS))
    with suppress(LockTimeout):
        try:
            visit.beaker.lock()
        finally:
            visit.beaker.unlock()


def _count_under_lock(visit: Visit, work: Callable[[Visit], None]) -> None:
    visit.most_reads, visit.most_writes = 2, 3
    # It reads the lock again and again while it waits, and asks for its turn.
    visit.may_repeat = True
    if visit.load() is None:
        return
    visit.beaker.lock()
    visit.client.needs_strong_reads = True
    cookie, model = str(visit.cookie), visit.application.model
    now = visit.application.world.now
    visit.report(model.enter(visit, cookie, now, visit.application.lease_end(cookie)))
    try:
        _count_locked(visit, work)
    finally:
        visit.client.needs_strong_reads = False
        model.leave(visit, cookie)
        visit.beaker.unlock()


def _count_locked(visit: Visit, work: Callable[[Visit], None]) -> None:
    visit.beaker.load()
    session = visit.load()
    if session is None:
        return
    before = read_value(visit.beaker.get(COUNTER)) or (session.user, 0)
    work(visit)
    number = before[1] + 1
    visit.beaker[COUNTER] = [session.user, number]
    visit.expect(session, COUNTER, (session.user, number))
    visit.beaker.save()
    visit.beaker.persist()

    def finish(is_answered: bool, moment: float) -> None:
        # What meets a marker is not stored.
        is_stored = is_answered and not (session.may_be_renamed or session.may_have_ended)
        is_merged = visit.application.conflict != "overwrite"
        if is_stored and is_merged and number in session.counted:
            visit.report("two pages under the lock have stored the same count")
        if is_stored:
            session.counted.add(number)

    visit.finally_(finish)


PAGES: dict[str, Callable[[Visit], None]] = {
    page.__name__: page
    for page in (
        *(read, change, change_shared, remove_key, slow_change, slow_read),
        *(log_in, log_in_after_delete, renew_id, change_and_renew_id),
        *(log_out, log_out_by_clear, invalidate, remove_namespace, administer),
        *(count, count_slowly),
    )
}
#: Pages whose promise plain Beaker's session class does not give.
NEEDS_OWN_CLASS = frozenset({"renew_id", "change_and_renew_id", "invalidate"})


def visit_page(application: Application, client: Client, key: Any, page: str, slot: int) -> None:
    """Make one request, and record how it ends."""
    visit = Visit(application, client, key, application.cookie(slot))
    application.world.note(client, page, visit.cookie, "begins")
    try:
        visit.serve(PAGES[page])
    except GreenletExit:
        visit.fail()
        raise
    except REFUSALS as error:
        application.world.note(client, page, "fails:", type(error).__name__)
        visit.fail()
        visit.refuse(error)
    except Exception as error:  # noqa: BLE001  # whatever else a page raises is a fault
        visit.fail()
        visit.report(f"a page fails: {type(error).__name__}: {error}")
    else:
        application.world.note(client, page, "is answered")
        visit.acknowledge()
    finally:
        application.leave(visit)
