"""Users with two browser windows each, which send requests at the same time."""

from __future__ import annotations

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from threading import Event
from typing import Any, NamedTuple

import urllib3

from .application import WAYS_OUT
from .model import ANSWERED, LOST, REFUSED, WINDOWS, Page, Possible, Record, Session

COOKIE = "beaker.session.id"
#: Longer than any page can take, so that no page outlives its client's request.
PATIENCE = 120.0
FAILED_RENEWALS = "renewals that failed, and may have left a row or two"
#: The share of rounds in which two windows change, read, renew or log out; in half of the others
#: a renewal is submitted twice, and in half a user logs in under an id in use.
RARE, HALF = 0.96, 0.5


class Answer(NamedTuple):
    """The answer that a client got; nothing if its worker was killed."""

    outcome: str
    content: dict[str, Any]
    cookie: str | None


class Site:
    """The pages, requested as a browser does; anything that they must never show is recorded."""

    def __init__(self, url: str, record: Record) -> None:
        self._url = url
        self._record = record
        self._pool = urllib3.PoolManager(maxsize=100, retries=False, timeout=PATIENCE)

    def request(self, page: str, session: Session | None = None, **fields: Any) -> Answer:
        """Request a page."""
        headers = {"Cookie": f"{COOKIE}={session.cookie}"} if session else {"Connection": "close"}
        partition = session.partition if session else page
        began = time.monotonic()
        try:
            response = self._pool.request(
                "GET", f"{self._url}/{page}", fields=fields, headers=headers
            )
        except urllib3.exceptions.HTTPError:
            answer = Answer(LOST, {}, None)
        else:
            answer = self._answer(page, response)
        self._record.page(Page(began, time.monotonic(), partition, answer.outcome))
        return answer

    def _answer(self, page: str, response: Any) -> Answer:
        cookies = SimpleCookie(response.headers.get("Set-Cookie", ""))
        cookie = cookies[COOKIE].value if COOKIE in cookies else None
        if response.status == 200:
            return Answer(ANSWERED, json.loads(response.data), cookie)
        if response.status != 503:
            self._record.is_wrong(f"{page}: status {response.status}")
        return Answer(REFUSED, {}, cookie)


class User:
    """One user: logs in, changes the session in two windows at once, reads, and logs out."""

    def __init__(self, name: str, site: Site, record: Record, stop: Event, large: bool) -> None:
        self._name = name
        self._site = site
        self._record = record
        self._stop = stop
        self._large: dict[str, Any] = {"large": 1} if large else {}
        self._random = random.Random(name)
        self._numbers = dict.fromkeys(WINDOWS, 0)
        self._logins = 0
        self.session: Session | None = None

    def run(self) -> None:
        """Continue until the soak stops."""
        with ThreadPoolExecutor(len(WINDOWS)) as windows:
            while not self._stop.is_set():
                self._round(windows)
                self._stop.wait(self._random.uniform(0, 0.1))

    def _round(self, windows: ThreadPoolExecutor) -> None:
        if self.session is None:
            self._log_in()
            return
        session, choice = self.session, self._random.random()
        if choice > RARE:
            page = self._renew_twice if self._random.random() < HALF else self._log_in_again
            page(windows, session)
            return
        pages = ((0.3, self._read), (0.33, self._log_out), (0.36, self._renew), (1, self._change))
        second = next(page for share, page in pages if choice < share)
        session.is_moving = second == self._renew
        first = windows.submit(self._change, session, "a")
        windows.submit(second, session, "b").result()
        first.result()
        session.is_moving = False
        if self.session is None:
            self._see_that_it_has_ended(session)

    def _log_in(self) -> None:
        answer = self._site.request("login", user=self._name, **self._large)
        if answer.outcome == ANSWERED and answer.cookie:
            self.session = Session(self._name, answer.cookie, answer.content.get("large"))
            self._record.count("logins")
        else:
            self._record.count("logins that failed, and may have left a row")

    def _log_in_again(self, windows: ThreadPoolExecutor, session: Session) -> None:
        """Log in under the id of a session that another window is changing."""
        self._logins += 1
        user = f"{self._name}, again {self._logins}"
        number = self._next_number("a")
        change = windows.submit(self._site.request, "change", session, key="a", number=number)
        answer = self._site.request("login", session, user=user)
        changed = change.result()
        if answer.outcome != ANSWERED:
            self.session = None
            self._record.count("logins under an id in use that failed, and may have left a row")
            return
        self._record.count("logins under an id in use")
        found: set[int | None] = {None, number}
        if changed.outcome == ANSWERED:
            # A change belongs to the session that its page has shown.
            found = {number} if changed.content.get("user") == user else {None}
        session.begins_again(user, {"a": found})
        if not changed.content and changed.outcome == ANSWERED:
            self._record.is_wrong("during a login under an id in use, a page showed no session")
        if answer.content != {"user": user} or answer.cookie not in {None, session.cookie}:
            self._record.is_wrong(f"a login as {user} showed {answer.content}, or changed the id")
        self._read(session, "a")

    def _renew_twice(self, windows: ThreadPoolExecutor, session: Session) -> None:
        """Submit a renewal of the id twice at once: each answer's cookie opens the session."""
        before = session.possible()
        submitted = [windows.submit(self._site.request, "renew", session) for _ in WINDOWS]
        answers = [each.result() for each in submitted]
        for answer in answers:
            if answer.outcome != ANSWERED:
                self._record.count(FAILED_RENEWALS)
        renewed = [answer for answer in answers if answer.content and answer.cookie]
        if not renewed:
            self.session = None
            return
        old = session.goes_on(str(renewed[0].cookie))
        self._record.has_ended(old)
        self._check(session, renewed[0], before)
        self._read(session, "a")
        for answer in renewed[1:]:
            self._record.count("renewals submitted twice")
            twin = session.twin(str(answer.cookie))
            self._check(twin, answer, before)
            self._log_out_of_twin(twin, before)
        self._see_that_it_has_ended(old)

    def _log_out_of_twin(self, twin: Session, before: Possible) -> None:
        answer = self._site.request("read", twin)
        if answer.outcome == ANSWERED:
            self._check(twin, answer, before)
        self._end(twin)
        self._see_that_it_has_ended(twin)

    def _next_number(self, key: str) -> int:
        self._numbers[key] += 1
        return self._numbers[key]

    def _change(self, session: Session, key: str) -> None:
        number = self._next_number(key)
        before = session.possible()
        session.try_change(key, number)
        answer = self._site.request("change", session, key=key, number=number)
        if self._is_of_use(session, answer):
            self._check(session, answer, before)
            session.acknowledge(key, number)
            self._record.count("changes acknowledged")
            if answer.content.get(key) != number:
                self._record.is_wrong(f"{number} was changed, and {answer.content} shown")

    def _read(self, session: Session, _key: str) -> None:
        before = session.possible()
        answer = self._site.request("read", session)
        if self._is_of_use(session, answer):
            self._check(session, answer, before)
        number = self._random.randrange(20)
        article = self._site.request("article", number=number)
        if article.outcome == ANSWERED and article.content != {"text": f"article {number}"}:
            self._record.is_wrong(f"article {number} is {article.content}")
        if article.outcome == REFUSED:
            self._record.is_wrong("a cache's outage was not a miss")

    def _renew(self, session: Session, _key: str) -> None:
        before = session.possible()
        answer = self._site.request("renew", session)
        if answer.outcome != ANSWERED or not answer.cookie:
            self.session = None
            self._record.count(FAILED_RENEWALS)
            return
        old = session.goes_on(answer.cookie)
        self._record.has_ended(old)
        self._record.count("sessions that continued under a new id")
        self._check(session, answer, before)
        self._see_that_it_has_ended(old)

    def _log_out(self, session: Session, _key: str) -> None:
        self.session = None
        self._end(session)

    def _end(self, session: Session) -> None:
        answer = self._site.request("logout", session, way=self._random.choice([*WAYS_OUT]))
        if answer.outcome == ANSWERED:
            self._record.has_ended(session)
            self._record.count("logouts acknowledged")
        else:
            self._record.count("logouts that failed, and may have left a row")

    def _see_that_it_has_ended(self, session: Session) -> None:
        if not session.has_ended:
            return
        answer = self._site.request("read", session)
        if answer.outcome == ANSWERED and answer.content:
            self._record.is_wrong(f"a session that has ended came back: {answer.content}")

    def _is_of_use(self, session: Session, answer: Answer) -> bool:
        """Whether the page was shown and the other window had not ended the session."""
        is_under_old_id = session.is_moving and not answer.content
        return answer.outcome == ANSWERED and self.session is session and not is_under_old_id

    def _check(self, session: Session, answer: Answer, before: Possible) -> None:
        if answer.cookie not in {None, session.cookie}:
            self._record.is_wrong("a new id was issued")
        if not session.allows(answer.content, before):
            self._record.is_wrong(
                f"{answer.content} was shown, possible was {before}, is {session.possible()}"
            )
