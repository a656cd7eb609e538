"""One botocore client serves all tables of one place and one set of credentials."""

from typing import Any
from uuid import uuid4

import botocore.loaders
import pytest

from beaker_dynamodb import session_model
from tests.support.internals import connection_of


def client_of(**options: Any) -> Any:
    return connection_of(session_model(**options)).client


def test_tables_of_one_place_share_a_client(dynamodb: Any) -> None:
    options = {**dynamodb.options, "max_retries": 1}
    names = [f"table-{uuid4().hex}" for _ in range(3)]
    clients = {id(client_of(**{**options, "table_name": name})) for name in names}
    keys = {id(client_of(**options, hash_key=key)) for key in ("one", "two")}
    assert len(clients | keys) == 1


@pytest.mark.parametrize(
    "other", [{"region": "eu-west-1"}, {"aws_access_key_id": "other"}, {"read_timeout": 2}]
)
def test_another_place_or_other_credentials_have_a_client_of_their_own(
    dynamodb: Any, other: dict[str, Any]
) -> None:
    assert client_of(**dynamodb.options) is not client_of(**{**dynamodb.options, **other})


def test_clients_read_botocores_files_once(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client_of(**{**dynamodb.options, "region": "us-west-1"})
    read: list[str] = []
    load_file = botocore.loaders.JSONFileLoader.load_file

    def counted(self: Any, path: str) -> Any:
        read.append(path)
        return load_file(self, path)

    monkeypatch.setattr(botocore.loaders.JSONFileLoader, "load_file", counted)
    client_of(**{**dynamodb.options, "region": f"us-west-{uuid4().hex[:4]}"})
    assert read == []
