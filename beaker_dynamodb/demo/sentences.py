"""What the page says of a request, by its outcome: one set of sentences for each backend.

A sentence has no full stop: the calls of the request follow, if its backend makes any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .visits import Outcome


class Sentences(NamedTuple):
    """The sentences of a backend.

    `views` and `forms` have one for each outcome. `unknown_id` replaces that of `Outcome.STORED` if
    the browser has sent an id.
    """

    views: Mapping[Outcome, str]
    unknown_id: str
    forms: Mapping[Outcome, str]
    farewell: str


_FORMS = {
    Outcome.NOT_USED: "“{action}” did not use the session",
    Outcome.STORED: "You had no session, so “{action}” stored a new one",
    Outcome.MERGED: (
        "Another tab changed the {others} while “{action}” ran, and both changes are stored"
    ),
    Outcome.ENDED_AND_STORED: (
        "Another tab or browser ended the session before “{action}” arrived, so a new session is "
        "stored"
    ),
    Outcome.ENDED_BEFORE: (
        "Another tab or browser ended the session before you logged out, so there was nothing to "
        "end"
    ),
    Outcome.NOTHING_TO_END: "You had no session, so there was nothing to end",
}

IN_DYNAMODB = Sentences(
    views={
        Outcome.STORED: (
            "You had no session, so this view stored one. A new id cannot be in the table yet, so "
            "no read is needed"
        ),
        Outcome.RENEWED: (
            "More than {interval} had passed since the row was written, so this view renewed it"
        ),
        Outcome.NOT_RENEWED: (
            "Another request changed or ended the session while this view ran, so the row was not "
            "renewed"
        ),
        Outcome.RENEWAL_FAILED: (
            "The row was due for renewal, but DynamoDB did not accept the write, and the page is "
            "shown all the same"
        ),
        Outcome.NOTHING_TO_WRITE: (
            "The row was written {written}, within the touch interval of {interval}, so this view "
            "wrote nothing"
        ),
        Outcome.ENDED_AND_STORED: (
            "Another tab or browser ended your session: under the id in your cookie, the table had "
            "only a marker. This view stored a new session"
        ),
        Outcome.EXPIRED_AND_STORED: ("Your session had expired, so this view stored a new session"),
    },
    unknown_id="The table has no row for your cookie, so this view stored a new session",
    forms={
        **_FORMS,
        Outcome.CHANGED: "The session has changed, so it was written at once",
        Outcome.MOVED: (
            "You have a new id. The session is stored under it, and under the old id a marker "
            "without data replaces the row"
        ),
        Outcome.OVERWRITTEN: (
            "Another tab changed the {others}, too, while “{action}” ran: the later value is stored"
        ),
        Outcome.NOTHING_WRITTEN: (
            "Another tab or browser ended the session while “{action}” ran, so nothing is stored"
        ),
        Outcome.EXPIRED_AND_STORED: (
            "The session had expired before “{action}” arrived, so a new session is stored"
        ),
        Outcome.ENDED: (
            "You are logged out. Your cookie is deleted, and a marker without data replaces your "
            "row for 15 minutes, so that no late write can bring the session back"
        ),
    },
    farewell="This page does not use the session, so it makes no call to DynamoDB.",
)

IN_MEMORY = Sentences(
    views={
        Outcome.STORED: "You had no session, so this view stored one in the memory of the server",
        Outcome.STORED_AGAIN: (
            "This view changed nothing, and Beaker stored the whole session again, as it does in "
            "each request that uses the session"
        ),
    },
    unknown_id="",
    forms={
        **_FORMS,
        Outcome.CHANGED: "The session has changed, and Beaker stored the whole of it",
        Outcome.COPIED: (
            "You have a new id, but the old one still opens the session: Beaker leaves a copy "
            "under it"
        ),
        Outcome.OVERWRITTEN: (
            "Another tab changed the {others} while “{action}” ran. Beaker then stored the session "
            "as “{action}” had loaded it, so the change of the other tab is lost"
        ),
        Outcome.REVIVED: (
            "Another tab logged out while “{action}” ran. Beaker then stored the session again: "
            "whoever has the old cookie is still logged in"
        ),
        Outcome.ENDED: (
            "You are logged out. Your cookie is deleted, and Beaker stores an empty session"
        ),
    },
    farewell="This page does not use the session.",
)
