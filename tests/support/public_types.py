"""The types of the public names, as a user's type checker sees them.

`.ci/package` gives this file to mypy and pyright, beside the installed wheel. Nothing runs it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typing_extensions import assert_type

import beaker_dynamodb as package


def application(_environ: dict[str, Any], _start_response: Any) -> Iterable[bytes]:
    return []


def names_have_types(error: package.ConflictError) -> None:
    assert_type(package.__version__, str)
    assert_type(package.SessionMiddleware(application, {}), package.SessionMiddleware)
    assert_type(package.SessionMiddleware(application).options, dict[str, Any])
    assert_type(package.DynamoDBSession({}), package.DynamoDBSession)
    assert_type(package.DynamoDBNamespaceManager("name").timeout, int | None)
    assert_type(package.session_model(region="eu-west-1"), type[package.SessionModel])
    assert_type(package.Options().table_name, str)
    assert_type(package.create_table(region="eu-west-1"), bool)
    assert_type(package.check(region="eu-west-1"), list[package.Finding])
    assert_type(package.migrate(dry_run=True), package.Migration)
    assert_type(package.sessions_of("user_id", 42)[0].expires, float | None)
    assert_type(package.end_sessions("user_id", 42)[0].size, int)
    assert_type(package.statistics(), dict[str, float])
    assert_type(error.table, str | None)


def unknown_names_are_errors() -> None:
    package.create_tabel  # type: ignore[attr-defined]  # noqa: B018
