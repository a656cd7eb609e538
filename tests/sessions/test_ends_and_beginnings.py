"""A request that ends its session by the namespace, and a beginning whose answer is lost."""

from typing import Any

import pytest

from beaker_dynamodb import DynamoDBSession
from beaker_dynamodb.testing.site import Site
from tests.support.pages import count, read
from tests.support.tables import stored_sessions
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")

each_class = pytest.mark.parametrize(
    "options", [{}, {"session_class": DynamoDBSession}], ids=["plain", "own class"]
)


@each_class
@pytest.mark.parametrize("way", ["do_remove", "remove"])
def test_a_session_that_its_own_request_removes_is_not_stored_again(
    dynamodb: Any, options: dict[str, Any], way: str
) -> None:
    site = Site(dynamodb.options, **options)
    site.request(count)

    def log_out(session: Any) -> None:
        session.get("n")
        getattr(session.namespace, way)()

    site.request(log_out)
    assert stored_sessions(dynamodb) == []
    assert site.request(read) is None


@each_class
@pytest.mark.parametrize("on_conflict", ["merge", "raise"])
def test_a_login_whose_answer_is_lost_keeps_what_was_changed_after_it(
    dynamodb: Any, wire: Wire, options: dict[str, Any], on_conflict: str
) -> None:
    site = Site(dynamodb.options, on_conflict=on_conflict, max_retries=1, **options)
    site.request(count)
    other = Site(dynamodb.options, on_conflict=on_conflict, **options)
    other.use_cookie(str(site.cookie))

    def log_in(session: Any) -> None:
        session.clear()
        session["user"] = "bob"
        session.save()
        wire.lose_answer_of("PutItem")
        wire.before_next("PutItem", lambda: other.request(count))

    site.request(log_in)
    assert site.request(lambda session: (session["user"], session.get("n"))) == ("bob", 1)
