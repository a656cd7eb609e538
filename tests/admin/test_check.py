"""check(): what it finds, with the remedy of each, and that it changes nothing."""

import shlex
import time
from typing import Any

import pytest
from beaker import crypto
from beaker.crypto import noencryption
from click.testing import CliRunner

import beaker_dynamodb
from beaker_dynamodb import ConfigurationError, Finding, check, create_table
from beaker_dynamodb.cli.commands import command
from tests.support.internals import DynamoDBConnection
from tests.support.wire import Wire
from tests.table.test_table import make_table

KEYS = {"encrypt_key": "e" * 32, "validate_key": "v" * 32}
READING = {"DescribeTable", "DescribeTimeToLive", "GetItem"}


def found(dynamodb: Any, **options: Any) -> dict[str, Finding]:
    return {finding.name: finding for finding in check(**{**dynamodb.options, **options})}


def levels(findings: dict[str, Finding]) -> dict[str, str]:
    return {name: finding.level for name, finding in findings.items()}


def run(pasted: str | None, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("aws_access_key_id", "aws_secret_access_key"):
        monkeypatch.setenv(name.upper(), dynamodb.options[name])
    program, *arguments = shlex.split(pasted or "")
    assert program == "beaker-dynamodb"
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output


class TestATableThatIsAsItShouldBe:
    @pytest.fixture(autouse=True)
    def _table(self, create_table: None) -> None:
        pass

    def test_is_well_in_all_respects(self, dynamodb: Any) -> None:
        findings = found(dynamodb, **KEYS)
        assert set(levels(findings).values()) == {"ok"}
        assert findings.keys() == {
            *("identity", "reachable", "table", "keys", "ttl", "clock", "cipher")
        }
        assert all(finding.remedy is None for finding in findings.values())

    def test_is_only_read(self, dynamodb: Any, wire: Wire) -> None:
        found(dynamodb, **KEYS)
        assert set(wire.operations) <= READING

    def test_is_named_with_its_account_and_the_end_of_the_access_key(self, dynamodb: Any) -> None:
        identity = found(dynamodb, aws_access_key_id="AKIASECRETPART1234")["identity"]
        assert "...1234 from explicit" in identity.message
        assert "SECRET" not in identity.message

    @pytest.mark.parametrize("difference", [-60, 60])
    def test_is_compared_with_this_machines_clock(
        self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch, difference: int
    ) -> None:
        assert found(dynamodb)["clock"].level == "ok"
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + difference)
        clock = found(dynamodb)["clock"]
        assert clock.level == "warning"
        assert clock.remedy == "sudo timedatectl set-ntp true"
        side = "ahead of" if difference > 0 else "behind"
        assert f"s {side} DynamoDB's" in clock.message

    def test_may_not_be_described(self, dynamodb: Any, wire: Wire) -> None:
        wire.fail_next("DescribeTable", (400, "AccessDeniedException"))
        findings = found(dynamodb)
        assert levels(findings) == {"table": "warning"}
        assert '"Action": "dynamodb:DescribeTable"' in str(findings["table"].remedy)

    def test_may_hide_its_ttl(self, dynamodb: Any, wire: Wire) -> None:
        wire.fail_next("DescribeTimeToLive", (400, "AccessDeniedException"))
        ttl = found(dynamodb)["ttl"]
        assert ttl.level == "warning"
        assert '"Action": "dynamodb:DescribeTimeToLive"' in str(ttl.remedy)


class TestAMissingTable:
    def test_is_a_warning_if_the_first_request_creates_it(
        self, dynamodb: Any, wire: Wire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        table = found(dynamodb)["table"]
        assert (table.level, set(wire.operations) <= READING) == ("warning", True)
        run(table.remedy, dynamodb, monkeypatch)
        assert set(levels(found(dynamodb)).values()) == {"ok"}

    def test_is_an_error_if_nothing_creates_it(self, dynamodb: Any) -> None:
        assert found(dynamodb, create_table=False)["table"].level == "error"


class TestATableOfAnotherKind:
    def test_with_a_partition_key_alone_needs_another_table(
        self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_table(dynamodb, [("id", "S")])
        findings = found(dynamodb)
        assert findings["keys"].level == "error"
        assert "ttl" not in findings
        run(findings["keys"].remedy, dynamodb, monkeypatch)
        another = f"{dynamodb.options['table_name']}-2"
        assert found(dynamodb, table_name=another)["keys"].level == "ok"

    def test_with_other_names_gets_the_lines_that_name_them(self, dynamodb: Any) -> None:
        make_table(dynamodb, [("pk", "S"), ("sk", "S")])
        remedy = found(dynamodb)["keys"].remedy
        assert remedy == "session.hash_key = pk\nsession.range_key = sk"
        assert found(dynamodb, hash_key="pk", range_key="sk")["keys"].level == "ok"

    def test_is_found_without_the_right_to_describe_it(self, dynamodb: Any, wire: Wire) -> None:
        make_table(dynamodb, [("id", "S")])
        wire.fail_next("DescribeTable", (400, "AccessDeniedException"))
        assert levels(found(dynamodb)) == {"table": "error"}

    def test_without_a_ttl_gets_it_by_the_remedy(
        self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_table(dynamodb, [("id", "S"), ("item", "S")])
        ttl = found(dynamodb)["ttl"]
        assert (ttl.level, ttl.message) == (
            "warning",
            "the TTL is DISABLED: expired items stay stored",
        )
        run(ttl.remedy, dynamodb, monkeypatch)
        assert found(dynamodb)["ttl"].level == "ok"

    def test_with_its_ttl_on_another_attribute_gets_the_line_that_names_it(
        self, dynamodb: Any
    ) -> None:
        create_table(**dynamodb.options, ttl_attribute="until")
        assert found(dynamodb)["ttl"].remedy == "session.ttl_attribute = until"

    def test_is_an_error_while_it_is_created(
        self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create_table(**dynamodb.options)
        original = DynamoDBConnection.dispatch

        def creating(self: Any, operation: str, arguments: dict[str, Any]) -> Any:
            answer = original(self, operation, arguments)
            answer.get("Table", {})["TableStatus"] = "CREATING"
            return answer

        monkeypatch.setattr(DynamoDBConnection, "dispatch", creating)
        assert found(dynamodb)["table"].level == "error"


@pytest.mark.usefixtures("create_table")
class TestWhatLeadsToTheTable:
    def test_is_an_error_if_it_does_not_answer(self, dynamodb: Any) -> None:
        findings = found(dynamodb, endpoint_url="http://127.0.0.1:9", max_retries=0)
        assert levels(findings) == {"reachable": "error"}
        assert findings["reachable"].remedy == "curl -sS http://127.0.0.1:9"

    @pytest.mark.parametrize("code", ["UnrecognizedClientException", "ExpiredTokenException"])
    def test_is_an_error_if_the_credentials_are_refused(
        self, dynamodb: Any, wire: Wire, code: str
    ) -> None:
        wire.fail_next("DescribeTable", (400, code))
        assert levels(found(dynamodb)) == {"identity": "error"}

    def test_is_an_error_without_credentials(self) -> None:
        [finding] = check(region="eu-west-1")
        assert (finding.name, finding.level) == ("identity", "error")
        assert finding.remedy == "aws configure"

    def test_is_an_error_without_a_cipher(
        self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(crypto.CRYPTO_MODULES, "default", noencryption)
        cipher = found(dynamodb, **KEYS)["cipher"]
        assert (cipher.level, cipher.remedy) == ("error", "pip install cryptography")

    def test_is_an_error_without_a_validate_key(self, dynamodb: Any) -> None:
        cipher = found(dynamodb, encrypt_key="e" * 32)["cipher"]
        assert cipher.level == "error"
        assert "secrets.token_urlsafe" in str(cipher.remedy)


def test_a_wrong_option_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="did you mean table_name"):
        check(tabel_name="x")


def test_beakers_own_options_are_taken() -> None:
    assert beaker_dynamodb.check(region="eu-west-1", key="sid", secret="s", timeout=60)
