"""Dictionaries in the background: in threads, in greenlets, and in forked workers."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from beaker_dynamodb.testing.site import Site
from tests.support.dictionaries import content, needs_zstd, work_at_once
from tests.support.fork import in_a_forked_worker
from tests.support.internals import (
    Compression,
    Dictionaries,
    Dictionary,
    DictionaryStore,
    KnownDictionaries,
    start_daemon,
    trainer,
)
from tests.support.tables import stored_items

pytestmark = needs_zstd

AUTO = {"compression": "zstd", "dictionary": "auto"}
ENOUGH = 80


def join_background() -> None:
    for thread in threading.enumerate():
        if thread.name == "beaker-dynamodb dictionaries":
            thread.join()


@pytest.mark.usefixtures("create_table")
class TestThreads:
    @pytest.fixture(autouse=True)
    def _as_in_production(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Dictionaries, "start", staticmethod(start_daemon))
        monkeypatch.setattr(trainer, "ENOUGH", ENOUGH)

    def test_train_beside_requests(self, dynamodb: Any) -> None:
        site = Site(dynamodb.options, **AUTO)
        clients = [threading.Thread(target=log_in, args=(site, n)) for n in range(8)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        join_background()
        visitor = site.visitor(**content(5000))
        assert visitor.read() == content(5000)
        items = stored_items(dynamodb)
        assert [item.item for item in items].count("session dictionary") == 1
        kinds = [item.data[0] & 0x0F for item in items if item.item == "session"]
        assert Compression.ZSTD_WITH_DICTIONARY in kinds

    def test_that_cannot_be_started_fail_no_page(
        self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refuse(_: Callable[[], None]) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(Dictionaries, "start", staticmethod(refuse))
        assert Site(dynamodb.options, **AUTO).visitor(**content(1)).read() == content(1)
        assert "can't start new thread" in caplog.text


def log_in(site: Site, client: int) -> None:
    for number in range(ENOUGH // 8 + 1):
        site.visitor(**content(100 * client + number))


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import sys, gevent
from beaker_dynamodb.dictionaries import trainer
from beaker_dynamodb.testing.site import Site
from tests.support.dictionaries import content
from tests.support.tables import stored_items
from tests.support.plugin import DynamoDB

trainer.ENOUGH = 80
options = eval(sys.argv[1])
site = Site(options, compression="zstd", dictionary="auto")
logins = [gevent.spawn(lambda n=n: site.visitor(**content(n))) for n in range(82)]
gevent.joinall(logins, raise_error=True)
table = DynamoDB("", options)
with gevent.Timeout(30):
    while not any(item.item == "session dictionary" for item in stored_items(table)):
        gevent.sleep(0.1)
visitor = site.visitor(**content(5000))
assert visitor.read() == content(5000)
print(max(item.data[0] & 15 for item in stored_items(table) if item.item == "session"))
"""


@pytest.mark.usefixtures("create_table")
@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
def test_greenlets_train_beside_requests(dynamodb: Any) -> None:
    command = [sys.executable, "-W", "ignore", "-c", GREENLETS, repr(dynamodb.options)]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert run.stdout.strip() == str(int(Compression.ZSTD_WITH_DICTIONARY)), run.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
class TestAForkedWorker:
    @pytest.mark.usefixtures("create_table")
    def test_keeps_what_its_parent_knows(self, dynamodb: Any, installed: Dictionary) -> None:
        site = Site(dynamodb.options, compression="zstd")
        visitor = site.visitor(**content(1))
        read = in_a_forked_worker(lambda: visitor.read() == content(1))
        assert read == "True"

    @pytest.mark.usefixtures("create_table")
    def test_does_not_wait_for_threads_of_its_parent(
        self, dynamodb: Any, installed: Dictionary, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        work_at_once(monkeypatch)
        site = Site(dynamodb.options, compression="zstd")
        site.visitor(**content(0))  # from now on, the process knows what is current
        visitor = site.visitor(**content(1))
        known = known_of(site, monkeypatch)
        known.forget()
        begun, goes_on = threading.Event(), threading.Event()
        read_stored = DictionaryStore.read

        def read_slowly(store: DictionaryStore, name: bytes) -> Any:
            begun.set()
            goes_on.wait()
            return read_stored(store, name)

        with monkeypatch.context() as patch:
            patch.setattr(DictionaryStore, "read", read_slowly)
            parent = threading.Thread(target=visitor.read)
            parent.start()
            begun.wait()
            patch.setattr(DictionaryStore, "read", read_stored)
            found = in_a_forked_worker(lambda: (len(known._reading), visitor.read() == content(1)))
            goes_on.set()
            parent.join()
        assert found == "(0, True)"


def known_of(site: Site, monkeypatch: pytest.MonkeyPatch) -> KnownDictionaries:
    found: list[KnownDictionaries] = []
    get = KnownDictionaries.get

    def note(known: KnownDictionaries, *arguments: Any) -> Dictionary:
        found.append(known)
        return get(known, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(KnownDictionaries, "get", note)
        site.visitor(**content(2)).read()
    return found[0]
