"""Browsers that share one session, and what they do to it while another request runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBSession, session_model
from beaker_dynamodb.testing.site import Site, content

from .pages import KINDS

Page = Callable[[Any], object]

#: The kinds of sessions, and the class of this package without encryption.
EVERY_KIND: dict[str, dict[str, Any]] = {**KINDS, "class": {"session_class": DynamoDBSession}}
#: The kinds whose sessions hold any picklable value.
PICKLED = ("pickle", "class", "encrypted")
#: The kinds that tests take at home: one of Beaker's class, one of this package's.
AT_HOME = ("pickle", "encrypted")
#: The kinds of the session class of this package.
OWN_CLASS = ("class", "encrypted", "own serializer")


def kinds(*names: str) -> list[Any]:
    """Parameters for the kinds of sessions; at home the tests take only two of them."""
    rest = pytest.mark.exhaustive
    return [name if name in AT_HOME else pytest.param(name, marks=rest) for name in names]


def browsers(options: Mapping[str, Any], count: int = 2, **session_options: Any) -> list[Site]:
    """Browsers with one cookie: the first has begun a session of alice's.

    Args:
        options: lead to the table.
        count: how many.
        session_options: of the session.
    """
    first, *others = (Site(dict(options), **session_options) for _ in range(count))
    first.request(put(user="alice"))
    for other in others:
        other.use_cookie(str(first.cookie))
    return [first, *others]


def put(**values: object) -> Page:
    """A page that stores values."""
    return put_items(values)


def put_items(values: Mapping[Any, object]) -> Page:
    """A page that stores values under keys of any kind."""

    def page(session: Any) -> None:
        session.update(values)
        session.save()

    return page


def drop(key: Any) -> Page:
    """A page that removes a key."""

    def page(session: Any) -> None:
        del session[key]
        session.save()

    return page


def while_loaded(happens: Callable[[], object], then: Page) -> Page:
    """A slow page: it loads the session, something happens, then the page goes on."""

    def page(session: Any) -> Any:
        session.get("user")
        happens()
        return then(session)

    return page


def save(session: Any) -> None:
    """Load the session, and save it without a change."""
    session.get("user")
    session.save()


def delete(session: Any) -> None:
    """End the session by `delete`."""
    session.delete()


def clear(session: Any) -> None:
    """End the session by `clear`, and save."""
    session.clear()
    session.save()


def invalidate(session: Any) -> None:
    """End the session, and begin one under a new id."""
    session.invalidate()
    session.save()


def renew(session: Any) -> None:
    """Give the session a new id."""
    session.regenerate_id()
    session.save()


def begin_by_clear(**values: object) -> Page:
    """A login by `clear` and new keys."""

    def page(session: Any) -> None:
        session.clear()
        put_items(values)(session)

    return page


def begin_by_delete(**values: object) -> Page:
    """A login by `delete` and new keys."""

    def page(session: Any) -> None:
        session.delete()
        put_items(values)(session)

    return page


def contents(site: Site) -> dict[Any, object]:
    """What the application has put into the session of a browser."""
    return dict(site.request(content))


def log_in_under(site: Site, session_id: str, user: str) -> None:
    """Log out, and log another user in under the same id."""
    site.request(delete)
    site.use_cookie(session_id)
    site.request(put(user=user))


def session_items(dynamodb: Any) -> list[Any]:
    """The stored sessions: items with content, no markers and no locks."""
    return [item for item in session_model(**dynamodb.options).scan() if item.data is not None]
