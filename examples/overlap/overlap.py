"""What becomes of a session when two of its requests overlap: one backend beside another.

    python overlap.py                               memory and ext:dynamodb
    python overlap.py file ext:redis=redis://127.0.0.1:6379 ext:dynamodb

A backend is a Beaker type, with its `url` behind it where it needs one. Without a url,
`ext:dynamodb` runs on an engine inside this process (pip install "beaker-dynamodb[demo]").
"""

import logging
import sys
import tempfile
import time
from contextlib import nullcontext

from beaker.session import Session

from beaker_dynamodb import DynamoDBSession

ON_MOTO = {"region": "us-east-1", "aws_access_key_id": "any", "aws_secret_access_key": "any"}


class Backend:
    """Opens sessions of one type, as a request does that has a session's cookie."""

    def __init__(self, name):
        self.type, _, url = name.partition("=")
        self.options = {"url": url} if url else {}
        if self.type in {"file", "dbm"}:
            self.options["data_dir"] = tempfile.mkdtemp()
        self.session_class = Session
        if self.type == "ext:dynamodb":
            self.session_class = DynamoDBSession
            self.options.update({} if url else ON_MOTO)

    def begin(self, **values):
        session = self.session_class({}, use_cookies=False, type=self.type, **self.options)
        session.update(values)
        session.save()
        return session.id

    def load(self, session_id):
        return self.session_class(
            {}, id=session_id, use_cookies=False, type=self.type, **self.options
        )

    def read(self, session_id):
        session = self.load(session_id)
        return {key: value for key, value in session.items() if not key.startswith("_")}


def end_unchanged(session):
    """What Beaker's middleware does after a request that has only read the session."""
    session.save(accessed_only=True)


def change(session, **values):
    session.update(values)
    session.save()


def log_out(session):
    session.delete()
    session.save()


def two_change(backend):
    """Two requests change two keys"""
    session_id = backend.begin(user="ada")
    one, other = backend.load(session_id), backend.load(session_id)
    change(other, theme="dark")
    change(one, cart=["apple"])
    return backend.read(session_id) == {"user": "ada", "theme": "dark", "cart": ["apple"]}


def three_change(backend):
    """Three requests change three keys"""
    session_id = backend.begin()
    requests = [backend.load(session_id) for _ in range(3)]
    for number, request in enumerate(requests):
        change(request, **{f"key {number}": number})
    return len(backend.read(session_id)) == len(requests)


def one_reads(backend):
    """One changes a key, a slower one only reads"""
    session_id = backend.begin(user="ada")
    slow = backend.load(session_id)
    change(backend.load(session_id), cart=["apple"])
    end_unchanged(slow)
    return "cart" in backend.read(session_id)


def one_saves_unchanged(backend):
    """One changes a key, a slower one saves without a change"""
    session_id = backend.begin(user="ada")
    slow = backend.load(session_id)
    change(backend.load(session_id), cart=["apple"])
    slow.save()
    return "cart" in backend.read(session_id)


def one_removes(backend):
    """One removes a key, a slower one changes another"""
    session_id = backend.begin(user="ada", coupon="SAVE10")
    slow, quick = backend.load(session_id), backend.load(session_id)
    del quick["coupon"]
    quick.save()
    change(slow, theme="dark")
    return backend.read(session_id) == {"user": "ada", "theme": "dark"}


def one_changes_in_place(backend):
    """One appends to a list, a slower one changes another key"""
    session_id = backend.begin(cart=[])
    slow, quick = backend.load(session_id), backend.load(session_id)
    quick["cart"].append("apple")
    quick.save()
    change(slow, theme="dark")
    return backend.read(session_id) == {"cart": ["apple"], "theme": "dark"}


def two_begin(backend):
    """Two requests begin one session"""
    session_id = backend.begin(user="ada")
    log_out(backend.load(session_id))
    one, other = backend.load(session_id), backend.load(session_id)
    change(other, theme="dark")
    change(one, cart=["apple"])
    return backend.read(session_id) == {"theme": "dark", "cart": ["apple"]}


def log_out_while_one_reads(backend):
    """A logout, and a slower one only reads"""
    session_id = backend.begin(user="ada")
    slow = backend.load(session_id)
    log_out(backend.load(session_id))
    end_unchanged(slow)
    return backend.read(session_id) == {}


def log_out_while_one_changes(backend):
    """A logout, and a slower one changes a key"""
    session_id = backend.begin(user="ada")
    slow = backend.load(session_id)
    log_out(backend.load(session_id))
    change(slow, cart=["apple"])
    return backend.read(session_id) == {}


def log_in_as_another(backend):
    """A logout, another's login under the id, and a slower one changes a key"""
    session_id = backend.begin(user="ada")
    slow = backend.load(session_id)
    log_out(backend.load(session_id))
    time.sleep(0.01)
    change(backend.load(session_id), user="bob")
    change(slow, cart=["apple"])
    return backend.read(session_id) == {"user": "bob"}


def invalidate(backend):
    """After invalidate(), the old id is used again"""
    session_id = backend.begin(user="ada")
    session = backend.load(session_id)
    session.invalidate()
    session.save()
    return backend.read(session_id) == {}


def regenerate_id(backend):
    """After regenerate_id(), the old id is used again"""
    session_id = backend.begin(user="ada")
    session = backend.load(session_id)
    session.regenerate_id()
    session.save()
    return backend.read(session_id) == {}


#: Each with what it says where it goes well and where it does not.
RACES = {
    two_change: ("both kept", "one is lost"),
    three_change: ("all kept", "lost"),
    one_reads: ("kept", "undone"),
    one_saves_unchanged: ("kept", "undone"),
    one_removes: ("stays removed", "comes back"),
    one_changes_in_place: ("both kept", "one is lost"),
    two_begin: ("both kept", "one is lost"),
    log_out_while_one_reads: ("stays logged out", "comes back"),
    log_out_while_one_changes: ("stays logged out", "comes back"),
    log_in_as_another: ("bob's alone", "mixed up"),
    invalidate: ("opens nothing", "still logged in"),
    regenerate_id: ("opens nothing", "still logged in"),
}


def outcomes(backend):
    """What the backend makes of each race, in words."""
    return [words[not race(backend)] for race, words in RACES.items()]


def engine_for(backends):
    """An engine inside this process, where a backend needs one."""
    if not any(backend.options.get("region") for backend in backends):
        return nullcontext()
    from moto import mock_aws  # noqa: PLC0415  # an extra

    return mock_aws()


def table(backends):
    """Lines of a Markdown table: a race each, a column for each backend."""
    rows = [["", *(backend.type for backend in backends)]]
    rows += zip((race.__doc__ for race in RACES), *map(outcomes, backends), strict=True)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    return [lines[0], "| " + " | ".join("-" * width for width in widths) + " |", *lines[1:]]


def main(names):
    backends = [Backend(name) for name in names or ["memory", "ext:dynamodb"]]
    with engine_for(backends):
        print("\n".join(table(backends)))


if __name__ == "__main__":
    # A change that comes after a logout is not written, and logged; here that is shown anyway.
    logging.getLogger("beaker_dynamodb").setLevel(logging.ERROR)
    main(sys.argv[1:])
