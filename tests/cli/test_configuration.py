"""`--ini`: an ini file is read as the application reads it."""

from pathlib import Path
from typing import Any

import pytest

from beaker_dynamodb import ConfigurationError
from beaker_dynamodb.cli.configuration import options_in
from tests.cli.test_cli import Ini, credentials, ini, lines_of, place, run, section

__all__ = ["credentials", "ini", "place"]

EXAMPLES = Path(__file__).parents[2] / "examples"
CACHES = """
[app:main]
cache.regions = short, long, local
cache.type = ext:dynamodb
cache.url = dynamodb://eu-west-1/shared
cache.short.expire = 60
cache.long.table_name = own
cache.local.type = memory
cache.local.zone = x
"""
FILTER = """
[DEFAULT]
session.timeout = 600
region = not-of-the-session
[app:main]
debug = true
[filter:session]
use = egg:beaker-dynamodb#session
set debug = false
next = app
table_name = shop
session.region = eu-west-1
key = sid
"""


class TestSessions:
    def test_are_read_without_what_beaker_keeps(self, ini: Ini) -> None:
        own = {"key": "sid", "secret": "s", "cookie_on_exception": "no"}
        path = ini(section({**own, "ttl": "60", "key_prefix": "shop:"}))
        assert options_in(path) == {"ttl": "60", "key_prefix": "shop:"}

    def test_of_a_section_take_precedence_over_the_defaults(self, ini: Ini) -> None:
        default = "[DEFAULT]\nsession.table_name = one\nsession.region = eu-west-1\n"
        path = ini(section({"table_name": "two"}) + "[server:main]\nport = 1\n" + default)
        assert options_in(path) == {"table_name": "two", "region": "eu-west-1"}

    def test_may_be_in_the_defaults_alone(self, ini: Ini) -> None:
        path = ini("[DEFAULT]\nsession.table_name = one\n[server:main]\nport = 1\n")
        assert options_in(path) == {"table_name": "one"}

    def test_may_use_another_name_of_an_option(self, ini: Ini) -> None:
        assert options_in(ini(section({"host": "http://h"}))) == {"endpoint_url": "http://h"}

    def test_may_refer_to_other_keys_as_the_framework_lets_them(self, ini: Ini) -> None:
        path = ini(
            "[DEFAULT]\nname = shop\nfull = %(name)s-sessions\n"
            + section({"table_name": "%(full)s", "key_prefix": "%(here)s 100%%:"})
        )
        prefix = f"{path.parent} 100%:"
        assert options_in(path) == {"table_name": "shop-sessions", "key_prefix": prefix}

    def test_need_not_have_references_that_the_backend_does_not_get(self, ini: Ini) -> None:
        path = ini(section({"data_dir": "%(nowhere)s", "table_name": "shop"}))
        assert options_in(path) == {"table_name": "shop"}

    def test_of_one_section_are_chosen_by_its_name(self, ini: Ini) -> None:
        path = ini(section({"table_name": "one"}) + "[app:other]\nsession.table_name = two\n")
        assert options_in(path, "app:other") == {"table_name": "two"}
        assert options_in(path, "main") == {"table_name": "one"}


class TestThePackagesFilter:
    def test_has_keys_without_a_prefix(self, ini: Ini) -> None:
        expected = {"timeout": "600", "table_name": "shop", "region": "eu-west-1"}
        assert options_in(ini(FILTER)) == expected

    def test_refuses_a_typo_as_the_application_does(self, ini: Ini) -> None:
        with pytest.raises(ConfigurationError, match=r"session\.tabel_name = 'shop'"):
            options_in(ini(FILTER.replace("table_name", "tabel_name")))


class TestCaches:
    def test_are_read_if_there_are_no_sessions(self, ini: Ini) -> None:
        path = ini("[app:main]\ncache.type = ext:dynamodb\ncache.table_name = values\n")
        assert options_in(path) == {"table_name": "values"}

    def test_of_one_region_are_chosen_by_its_name(self, ini: Ini) -> None:
        path = ini(section({"table_name": "shop"}) + CACHES.replace("[app:main]", ""))
        assert options_in(path) == {"table_name": "shop"}
        assert options_in(path, "short") == {"url": "dynamodb://eu-west-1/shared"}
        assert options_in(path, "long") == {
            "url": "dynamodb://eu-west-1/shared",
            "table_name": "own",
        }

    def test_of_several_tables_need_a_choice(self, ini: Ini) -> None:
        with pytest.raises(ConfigurationError, match="#REGION, one of short, long"):
            options_in(ini(CACHES))

    def test_of_one_table_need_none(self, ini: Ini) -> None:
        path = ini(CACHES.replace("cache.long.table_name = own\n", ""))
        assert options_in(path) == {"url": "dynamodb://eu-west-1/shared"}

    def test_count_beside_sessions_of_another_type(self, ini: Ini) -> None:
        path = ini(
            "[app:main]\nsession.type = memory\ncache.type = ext:dynamodb\n"
            "beaker.cache.table_name = values\n"
        )
        assert options_in(path) == {"table_name": "values"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[app:main]\ndebug = true\n", "site.ini stores nothing in DynamoDB: no key begins with"),
        ("[app:main]\nsession.type = file\n", "stores nothing in DynamoDB: session.type is file"),
        ("[app:main]\ncache.type = memory\n", "stores nothing in DynamoDB"),
        (section({"table_name": "%(table)s"}), "composes session.table_name from table, which it"),
        (
            section({"region": "a"}) + "[app:other]\nsession.region = b\n",
            r"gives session.region two different values: choose a section by --ini site.ini#SECT",
        ),
        (section({"serializer": "json"}), "session.serializer has no effect"),
        (CACHES + "cache.long.ttl = 5\n", "cache.long.ttl has no effect"),
        ("session.aws_secret_access_key = hush\n", "site.ini, line 1 cannot be read as an ini"),
        ("[app:main]\nhush\n", "site.ini cannot be read as an ini file"),
    ],
)
def test_what_cannot_be_used_is_an_error(ini: Ini, content: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as caught:
        options_in(ini(content))
    assert "hush" not in str(caught.value)


def test_an_unknown_part_is_an_error_that_lists_the_sections(ini: Ini) -> None:
    with pytest.raises(ConfigurationError, match=r"no section or cache region shop: .*app:main"):
        options_in(ini(section({})), "shop")


@pytest.mark.parametrize("name", ["pyramid", "turbogears", "bottle", "wsgi"])
@pytest.mark.parametrize(("part", "table"), [("", "shop-sessions"), ("short", "shop-prices")])
def test_the_examples_lead_to_their_tables(name: str, part: str, table: str) -> None:
    options = options_in(EXAMPLES / name / "site.ini", part)
    assert f"dynamodb://eu-west-1/{table}" in str(options["url"])


def test_the_command_takes_a_part(place: Any, ini: Ini) -> None:
    url = f"dynamodb://us-east-1/{place['table_name']}"
    if "endpoint_url" in place:
        url += f"?endpoint_url={place['endpoint_url']}"
    path = ini(f"[app]\ncache.regions = a\ncache.a.type = ext:dynamodb\ncache.a.url = {url}\n")
    result = run("create-table", "--ini", f"{path}#a")
    assert result.exit_code == 0, result.output
    assert lines_of(result)[-1].endswith("is ready: created")


def test_the_applications_error_hook_is_not_imported(tmp_path: Path) -> None:
    ini = tmp_path / "site.ini"
    ini.write_text(
        "[app]\nsession.type = ext:dynamodb\nsession.region = eu-west-1\n"
        "session.on_error = no_such_shop.alerts:note\n"
    )
    assert options_in(ini) == {"region": "eu-west-1"}
