"""A new process for each test, whose work in the background runs at once."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.dictionaries import trained, work_at_once
from tests.support.internals import (
    Backend,
    Dictionary,
    DictionaryStore,
    forget_dictionaries,
    parse_options,
)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    work_at_once(monkeypatch)
    forget_dictionaries()
    yield
    forget_dictionaries()


@pytest.fixture
def store(dynamodb: Any, create_table: None) -> DictionaryStore:
    return store_of(dynamodb.options)


def store_of(options: dict[str, Any]) -> DictionaryStore:
    parsed = parse_options(options)
    return DictionaryStore(Backend.of(parsed).rows, parsed.key_prefix)


@pytest.fixture
def installed(store: DictionaryStore) -> Dictionary:
    """A dictionary that is current in the test's table."""
    store.install(trained())
    return trained()
