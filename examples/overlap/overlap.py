"""What happens to a session if two of its requests overlap, on several of Beaker's backends.

    python overlap.py                               memory and ext:dynamodb
    python overlap.py file ext:redis=redis://127.0.0.1:6379 ext:dynamodb

An argument is a Beaker type, followed by `=` and its `url` if it needs one. Without a url,
`ext:dynamodb` runs on moto in this process (pip install "beaker-dynamodb[demo]").
"""

import logging
import sys
import tempfile
import time
from contextlib import nullcontext
from enum import Enum

from beaker.session import Session

from beaker_dynamodb import DynamoDBSession

ON_MOTO = {"region": "us-east-1", "aws_access_key_id": "any", "aws_secret_access_key": "any"}


class Key(Enum):
    """Keys of a session need not be text."""

    COUPON = 1


class Basket:
    """Its items refer back to it, as the objects of an ORM do."""

    class Item:
        def __init__(self, basket):
            self.basket = basket

    def __init__(self):
        self.items = [Basket.Item(self)]


class Backend:
    """Opens sessions of one type, as a request with a session's cookie does."""

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
    """What Beaker's middleware does after a request that only reads the session."""
    session.save(accessed_only=True)


def change(session, **values):
    session.update(values)
    session.save()


def log_out(session):
    session.delete()
    session.save()


def log_in(session, user):
    """A login that keeps the id, but nothing that is stored under it."""
    session.clear()
    change(session, user=user)


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


def remove_a_key_that_is_no_text(backend):
    """One removes a key that is an enum, a slower one changes another"""
    session_id = backend.begin(user="ada")
    session = backend.load(session_id)
    session[Key.COUPON] = "SAVE10"
    session.save()
    slow, quick = backend.load(session_id), backend.load(session_id)
    del quick[Key.COUPON]
    quick.save()
    change(slow, theme="dark")
    return Key.COUPON not in backend.load(session_id)


def read_objects_in_a_cycle(backend):
    """One changes a key, a slower one only reads objects that refer to each other"""
    session_id = backend.begin(basket=Basket())
    slow = backend.load(session_id)
    change(backend.load(session_id), theme="dark")
    end_unchanged(slow)
    return "theme" in backend.load(session_id)


def access_time(backend):
    """A slower request stores the time of the session's last access"""
    session_id = backend.begin(user="ada")
    slow = backend.load(session_id)
    time.sleep(0.01)
    quick = backend.load(session_id)
    change(quick, cart=["apple"])
    change(slow, theme="dark")
    return backend.load(session_id).last_accessed >= quick["_accessed_time"]


def log_in_while_one_changes(backend):
    """A login by clear() and new keys, and a slower one changes a key"""
    session_id = backend.begin(user="ada")
    slow = backend.load(session_id)
    log_in(backend.load(session_id), "bob")
    change(slow, cart=["apple"])
    return backend.read(session_id) == {"user": "bob"}


def log_in_while_one_logs_out(backend):
    """A login by clear() and new keys, and a slower one logs out"""
    session_id = backend.begin(user="ada")
    slow = backend.load(session_id)
    log_in(backend.load(session_id), "bob")
    log_out(slow)
    return backend.read(session_id) == {"user": "bob"}


def log_in_while_one_reads_objects(backend):
    """A logout, another's login under the id, and a slower one only reads objects"""
    session_id = backend.begin(user="ada", basket=Basket())
    slow = backend.load(session_id)
    log_out(backend.load(session_id))
    change(backend.load(session_id), user="bob")
    end_unchanged(slow)
    return backend.read(session_id) == {"user": "bob"}


def remove_the_namespace(backend):
    """A logout by session.namespace.remove(), and a slower one changes a key"""
    session_id = backend.begin(user="ada")
    slow = backend.load(session_id)
    backend.load(session_id).namespace.remove()
    change(slow, cart=["apple"])
    return backend.read(session_id) == {}


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


def log_out_under_an_old_id(backend):
    """A regenerate_id(), and a slower one logs out under the old id"""
    session_id = backend.begin(user="ada")
    slow, quick = backend.load(session_id), backend.load(session_id)
    quick.regenerate_id()
    quick.save()
    log_out(slow)
    return backend.read(quick.id) == {}


#: Each case with its result in words, if nothing is lost and otherwise.
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
    remove_a_key_that_is_no_text: ("stays removed", "comes back"),
    read_objects_in_a_cycle: ("kept", "undone"),
    access_time: ("moves forward", "moves back"),
    log_in_while_one_changes: ("bob's alone", "mixed up"),
    log_in_while_one_logs_out: ("bob's alone", "bob is logged out"),
    log_in_while_one_reads_objects: ("bob's alone", "ada's again"),
    remove_the_namespace: ("stays logged out", "comes back"),
    invalidate: ("opens nothing", "still logged in"),
    regenerate_id: ("opens nothing", "still logged in"),
    log_out_under_an_old_id: ("logged out", "still logged in"),
}


def outcomes(backend):
    """The result of each race on a backend, in words."""
    return [words[not race(backend)] for race, words in RACES.items()]


def moto_for(backends):
    """moto, DynamoDB's stand-in in this process, if a backend needs it."""
    if not any(backend.options.get("region") for backend in backends):
        return nullcontext()
    from moto import mock_aws  # noqa: PLC0415  # an extra

    return mock_aws()


def table(backends):
    """Lines of a Markdown table: one for each race, with a column for each backend."""
    rows = [["", *(backend.type for backend in backends)]]
    rows += zip((race.__doc__ for race in RACES), *map(outcomes, backends), strict=True)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    return [lines[0], "| " + " | ".join("-" * width for width in widths) + " |", *lines[1:]]


def main(names):
    backends = [Backend(name) for name in names or ["memory", "ext:dynamodb"]]
    with moto_for(backends):
        print("\n".join(table(backends)))


if __name__ == "__main__":
    # A change after a logout is not written, and a warning is logged; the table shows it anyway.
    logging.getLogger("beaker_dynamodb").setLevel(logging.ERROR)
    main(sys.argv[1:])
