"""What errors say can be pasted: the command, the IAM statement, the cure for gevent."""

import json
import re
import shlex
import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner

from beaker_dynamodb import ConfigurationError, TableError, session_model
from beaker_dynamodb.cli.commands import command
from beaker_dynamodb.testing.site import Site
from tests.support.pages import count
from tests.support.wire import Wire

USER = "arn:aws:iam::123456789012:user/shop"
TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/sessions"
DENIED = (
    f"User: {USER} is not authorized to perform: dynamodb:PutItem on resource: {TABLE} because no "
    "identity-based policy allows the dynamodb:PutItem action"
)


def error_of(dynamodb: Any, **options: Any) -> str:
    with pytest.raises(TableError) as caught:
        Site(dynamodb.options, **options).request(count)
    return str(caught.value)


class TestAMissingTable:
    def test_has_a_command_that_creates_it(
        self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names = {"hash_key": "pk", "range_key": "sk sk", "read_capacity_units": 3}
        message = error_of(dynamodb, create_table=False, **names)
        [pasted] = re.findall(r"run `beaker-dynamodb (.*)`", message)
        for name in ("aws_access_key_id", "aws_secret_access_key"):
            monkeypatch.setenv(name.upper(), dynamodb.options[name])
        result = CliRunner().invoke(command, shlex.split(pasted))
        assert result.exit_code == 0, result.output
        table = session_model(**dynamodb.options, **names).describe_table()
        assert [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "sk sk"]
        assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 3

    def test_has_a_command_without_secrets(self, dynamodb: Any) -> None:
        message = error_of(dynamodb, create_table=False)
        assert "aws" not in message


@pytest.mark.usefixtures("create_table")
class TestARefusal:
    def test_names_what_aws_names_and_the_statement_that_allows_it(
        self, dynamodb: Any, wire: Wire
    ) -> None:
        wire.fail_next("PutItem", (400, "AccessDeniedException"), DENIED)
        message = error_of(dynamodb)
        assert f"access was denied: {DENIED}: add " in message
        [statement] = re.findall(r"add (\{.*\}) to the IAM policy", message)
        assert json.loads(statement) == {
            "Effect": "Allow",
            "Action": "dynamodb:PutItem",
            "Resource": TABLE,
        }

    def test_without_a_resource_names_the_table(self, dynamodb: Any, wire: Wire) -> None:
        text = f"User: {USER} is not authorized to perform: dynamodb:PutItem"
        wire.fail_next("PutItem", (400, "AccessDeniedException"), text)
        table = dynamodb.options["table_name"]
        assert f'"Resource": "arn:aws:dynamodb:us-east-1:*:table/{table}"' in error_of(dynamodb)

    def test_in_other_words_says_what_to_allow(self, dynamodb: Any, wire: Wire) -> None:
        wire.fail_next("PutItem", (400, "AccessDeniedException"), "no")
        assert "allow the call in the IAM policy" in error_of(dynamodb)


GEVENT = """
import botocore.httpsession
from gevent import monkey
{patch}
from beaker_dynamodb import DynamoDBNamespaceManager
options = dict(region="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
try:
    "session" in DynamoDBNamespaceManager("a" * 32, **options)
except Exception as error:
    print(f"{{type(error).__name__}}: {{error}}")
"""


def test_gevent_that_patches_ssl_too_late_is_diagnosed() -> None:
    program = GEVENT.format(patch="monkey.patch_all()")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(
        "ConfigurationError: gevent has patched ssl after it was imported"
    )
    assert "call gevent.monkey.patch_all() before" in done.stdout


def test_another_endless_recursion_is_not_taken_for_it(
    dynamodb: Any, create_table: None, wire: Wire
) -> None:
    wire.fail_next("PutItem", RecursionError("deep"))
    with pytest.raises(Exception, match="RecursionError") as caught:
        Site(dynamodb.options, max_retries=0).request(count)
    assert not isinstance(caught.value, ConfigurationError)


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
def test_a_missing_table_names_the_endpoint_of_the_environment(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.options["endpoint_url"])
    message = error_of(dynamodb, create_table=False, endpoint_url=None, max_pool_connections=3)
    assert f"--endpoint-url {dynamodb.options['endpoint_url']}`" in message
