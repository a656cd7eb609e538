"""Options: from ini strings and Python values, each right and wrong."""

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from beaker.middleware import SessionMiddleware
from beaker.session import Session
from beaker.util import parse_cache_config_options

from beaker_dynamodb import ConfigurationError, Options
from beaker_dynamodb.options import (
    BEAKER_SESSION_OPTIONS,
    FALLBACK_OPTIONS,
    OPTIONS,
    names_of,
    parse_options,
    zstd_library,
)

#: name: (ini string, what it means, a wrong value)
EXAMPLES = {
    "table_name": ("sessions", "sessions", "no table!"),
    "region": ("eu-west-1", "eu-west-1", ""),
    "endpoint_url": ("http://127.0.0.1:8000", "http://127.0.0.1:8000", "127.0.0.1:8000"),
    "profile": ("staging", "staging", ""),
    "hash_key": ("pk", "pk", ""),
    "range_key": ("sk", "sk", 7),
    "ttl_attribute": ("ttl", "ttl", None.__class__),
    "key_prefix": ("shop:", "shop:", "x" * 1025),
    "create_table": ("false", False, "maybe"),
    "billing_mode": ("provisioned", "provisioned", "free"),
    "read_capacity_units": ("5", 5, "0"),
    "write_capacity_units": ("5", 5, "many"),
    "ttl": ("3600", 3600, "-1"),
    "timeout": ("1920", 1920, "1.5"),
    "touch_interval": ("2.5", 2.5, "-1"),
    "max_lifetime": ("43200", 43200, "0"),
    "keep_expired": ("true", True, "2"),
    "consistent_read": ("no", False, 0),
    "hash_ids": ("off", False, "nope"),
    "index_keys": ("user_id, shop", ("user_id", "shop"), "user.id"),
    "save_empty": ("yes", True, []),
    "opaque_sessions": ("true", True, "perhaps"),
    "startup_check": ("fail", "fail", "yes"),
    "on_conflict": ("raise", "raise", "ask"),
    "compression": ("none", "none", "zip"),
    "dictionary": ("none", "none", "yes"),
    "serializer": ("json", "json", "yaml"),
    "lock_timeout": ("20", 20, "0"),
    "shards": ("4", 4, "0"),
    "lock_wait": ("2.5", 2.5, "-1"),
    "stale_ttl": ("300", 300, "-1"),
    "max_value_size": ("1000000", 1_000_000, "40000000"),
    "connect_timeout": ("0.5", 0.5, "0"),
    "read_timeout": ("10", 10.0, "nan"),
    "signing_key": (f"{'a' * 32}, {'b' * 33}", ("a" * 32, "b" * 33), "c" * 31),
    "on_outage": ("miss", "miss", "ignore"),
    "on_error": ("builtins:print", print, "builtins:nothing"),
    "max_retries": ("0", 0, "21"),
    "max_pool_connections": ("50", 50, True),
    "client": ("botocore", "botocore", "boto3"),
    "fallback_type": ("ext:redis", "ext:redis", ""),
    "fallback_url": ("redis://localhost/0", "redis://localhost/0", 7),
    "fallback_data_dir": ("/var/sessions", "/var/sessions", " "),
    "fallback_table_name": ("beaker_cache", "beaker_cache", ""),
}
CREDENTIALS = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}


def beside(name: str) -> dict[str, str]:
    """The option that another one needs."""
    needs_type = name in FALLBACK_OPTIONS and name != "fallback_type"
    return {"fallback_type": "ext:redis"} if needs_type else {}


def test_each_option_has_an_example_here() -> None:
    assert EXAMPLES.keys() | CREDENTIALS == OPTIONS.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_ini_string_is_parsed(name: str) -> None:
    written, meant, _ = EXAMPLES[name]
    parsed = getattr(parse_options({name: written, **beside(name)}), name)
    assert parsed == meant
    assert type(parsed) is type(meant)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_python_value_is_taken_as_it_is(name: str) -> None:
    _, meant, _ = EXAMPLES[name]
    assert getattr(parse_options({name: meant, **beside(name)}), name) == meant


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_wrong_value_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"option {name} must be "):
        parse_options({name: EXAMPLES[name][2]})


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - {"region", "table_name"}))
def test_each_option_fits_into_the_url(name: str) -> None:
    written, meant, _ = EXAMPLES[name]
    url = f"dynamodb:///?{name}={written}"
    assert getattr(parse_options({"url": url, **beside(name)}), name) == meant


@pytest.mark.parametrize("name", ["fallback_url", "fallback_data_dir", "fallback_table_name"])
def test_a_fallback_without_its_type_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is set without fallback_type"):
        parse_options({name: "x"})


def test_credentials_come_from_options() -> None:
    options = parse_options(
        {"aws_access_key_id": "AK", "aws_secret_access_key": "SK", "aws_session_token": "ST"}
    )
    found = (options.aws_access_key_id, options.aws_secret_access_key, options.aws_session_token)
    assert found == ("AK", "SK", "ST")


@pytest.mark.parametrize("secret", ["aws_access_key_id", "aws_secret_access_key"])
def test_half_a_pair_of_credentials_is_refused(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="set both or neither"):
        parse_options({secret: "x"})


@pytest.mark.parametrize("name", sorted(CREDENTIALS))
@pytest.mark.parametrize("broken", ["first\nsecond", "first second", "naïve", "tab\t.", 5])
def test_a_credential_that_no_header_takes_is_refused_without_being_shown(
    name: str, broken: object
) -> None:
    with pytest.raises(
        ConfigurationError, match=f"option {name} must be an ASCII string"
    ) as caught:
        parse_options({name: broken})
    assert str(broken).strip()[:3] not in str(caught.value).removeprefix(f"option {name}")


@pytest.mark.parametrize("name", ["ab", "a" * 256, "a b", "a/b", "é" * 3])
def test_a_table_name_that_dynamodb_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="option table_name must be 3 to 255"):
        parse_options({"table_name": name})


@pytest.mark.parametrize("name", ["abc", "a" * 255, "my.table-1_x"])
def test_a_table_name_may_be_any_that_dynamodb_accepts(name: str) -> None:
    assert parse_options({"table_name": name}).table_name == name


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-iso-b"])
def test_a_table_name_may_be_an_arn(partition: str) -> None:
    arn = f"arn:{partition}:dynamodb:eu-west-1:123456789012:table/my.table-1_x"
    assert parse_options({"table_name": f" {arn} "}).table_name == arn


@pytest.mark.parametrize(
    "arn",
    [
        "arn:",
        "arn:aws:s3:::bucket",
        "arn:aws:dynamodb:eu-west-1:123456789012:beaker",
        "arn:aws:dynamodb:eu-west-1:123456789012:table/",
        "arn:aws:dynamodb:eu-west-1:123456789012:table/ab",
        f"arn:aws:dynamodb:eu-west-1:123456789012:table/{'a' * 256}",
        "arn:aws:dynamodb:eu-west-1:123456789012:table/beaker/index/user",
        "arn:aws:dynamodb:eu-west-1:1234:table/beaker",
        "arn:aws:dynamodb::123456789012:table/beaker",
        "arn:azure:dynamodb:eu-west-1:123456789012:table/beaker",
        "arn:aws:dynamodb:eu-west-1:123456789012:table/bea ker",
    ],
)
def test_an_arn_that_names_no_table_is_refused(arn: str) -> None:
    with pytest.raises(ConfigurationError, match="option table_name must be an ARN such as arn:"):
        parse_options({"table_name": arn})


ATTRIBUTES = ["hash_key", "range_key", "ttl_attribute"]


@pytest.mark.parametrize("option", ATTRIBUTES)
@pytest.mark.parametrize(
    "name", ["a.b", ".", "a[0]", "a]", "[a", "", " ", "a" * 256, "\u00e9" * 128, "\ud800", 7]
)
def test_an_attribute_name_that_no_expression_can_contain_is_refused(
    option: str, name: object
) -> None:
    with pytest.raises(ConfigurationError, match=f"option {option} must be a string of 1 to 255"):
        parse_options({option: name})


@pytest.mark.parametrize("option", ATTRIBUTES)
@pytest.mark.parametrize("name", ["a", "a" * 255, "\u00e9" * 127, "ttl-1", "size", "a b", "#a:b"])
def test_any_other_attribute_name_is_accepted(option: str, name: str) -> None:
    assert getattr(parse_options({option: name}), option) == name


@pytest.mark.parametrize("prefix", ["\ud800", "\u00e9" * 513])
def test_a_key_prefix_is_measured_in_bytes_of_utf8(prefix: str) -> None:
    with pytest.raises(
        ConfigurationError, match="key_prefix must be a string of at most 1024 bytes"
    ):
        parse_options({"key_prefix": prefix})


@pytest.mark.parametrize("wrong", [[b"a" * 32], ["a" * 32, 5], "\ud800" * 32, (), {"a" * 32: 1}])
def test_a_signing_key_that_is_no_text_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigurationError, match="option signing_key must be one key or several"):
        parse_options({"signing_key": wrong})


def test_secrets_are_not_shown() -> None:
    secrets: dict[str, Any] = {name: f"hidden-{name}" for name in CREDENTIALS}
    secrets |= {"fallback_type": "ext:redis", "fallback_url": "redis://:hidden@host"}
    options = Options(**secrets, signing_key=("hidden" * 6,))
    assert "hidden" not in repr(options)


class TestFlags:
    def test_secret_is_on_credentials_keys_and_urls_with_a_password(self) -> None:
        assert {*names_of("secret")} == CREDENTIALS | {"signing_key", "fallback_url"}

    def test_client_is_on_how_dynamodb_is_reached_and_as_whom(self) -> None:
        times = {"connect_timeout", "read_timeout", "max_retries", "max_pool_connections"}
        place = {"region", "endpoint_url", "profile"}
        assert {*names_of("client")} == CREDENTIALS | place | times | {"client"}

    def test_table_is_on_what_table_it_is_and_how_it_is_created(self) -> None:
        names = {"table_name", "hash_key", "range_key", "ttl_attribute", "index_keys"}
        units = {"billing_mode", "read_capacity_units", "write_capacity_units"}
        assert {*names_of("table")} == names | units

    @pytest.mark.parametrize("option", sorted(EXAMPLES))
    def test_tell_tables_and_clients_apart(self, option: str) -> None:
        other, default = parse_options({option: EXAMPLES[option][0], **beside(option)}), Options()
        assert (other.table_key() != default.table_key()) == (option in names_of("table"))
        assert (other.client_key() != default.client_key()) == (option in names_of("client"))

    def test_tell_credentials_apart(self) -> None:
        keys = [
            Options(aws_access_key_id="a", aws_secret_access_key=secret).client_key()
            for secret in ("b", "c")
        ]
        assert keys[0] != keys[1]


@pytest.mark.parametrize(
    ("typo", "nearest"),
    [
        *(("tabel_name", "table_name"), ("touch_intervall", "touch_interval"), ("hosts", "host")),
        *(("cookie_expire", "cookie_expires"), ("htponly", "httponly")),
    ],
)
def test_an_unknown_option_names_the_nearest_known_one(typo: str, nearest: str) -> None:
    with pytest.raises(
        ConfigurationError, match=f"unknown option {typo}.*: did you mean {nearest}"
    ):
        parse_options({typo: "x"})


@pytest.mark.parametrize("name", ["secret", "httponly", "cookie_expires"])
def test_an_option_of_beakers_session_is_not_its_own_remedy(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"unknown option {name}.* leave it out"):
        parse_options({name: "x"})


def test_an_option_like_no_other_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"the options are .*table_name"):
        parse_options({"zzzzzz": "x"})


@pytest.mark.parametrize(
    "wrong", [" ", "a,b", "user_id,user_id", "user id", "x" * 201, "k01,k02,k03,k04,k05,k06", 7]
)
def test_index_keys_are_names_that_an_index_can_have(wrong: object) -> None:
    with pytest.raises(ConfigurationError, match="index_keys must be at most 5 names"):
        parse_options({"index_keys": wrong})


def test_index_keys_need_readable_sessions_and_names_of_their_own() -> None:
    with pytest.raises(ConfigurationError, match="remove opaque_sessions"):
        parse_options({"index_keys": "user_id", "opaque_sessions": True})
    with pytest.raises(ConfigurationError, match="two attributes have the name data"):
        parse_options({"index_keys": "data"})


@pytest.fixture
def without_zstd(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("backports.zstd", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    zstd_library.cache_clear()
    yield
    zstd_library.cache_clear()


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="Python 3.14 includes zstd")
def test_zstd_without_its_library_names_the_extra(without_zstd: None) -> None:
    with pytest.raises(ConfigurationError, match=r"pip install 'beaker-dynamodb\[zstd\]'"):
        parse_options({"compression": "zstd"})


def test_a_dictionary_is_trained_only_for_zstd() -> None:
    with pytest.raises(ConfigurationError, match="dictionary = auto needs compression = zstd"):
        parse_options({"dictionary": "auto"})


def test_host_is_another_name_of_endpoint_url() -> None:
    assert parse_options({"host": "http://h:1"}).endpoint_url == "http://h:1"


def test_none_means_not_given() -> None:
    assert parse_options({"ttl": None, "region": None}) == Options()


class TestUrl:
    def test_names_region_table_and_options(self) -> None:
        options = parse_options({"url": "dynamodb://eu-west-1/shop?ttl=60&hash_ids=false"})
        assert (options.region, options.table_name) == ("eu-west-1", "shop")
        assert (options.ttl, options.hash_ids) == (60, False)

    def test_may_leave_all_to_the_defaults(self) -> None:
        assert parse_options({"url": "dynamodb://"}) == Options()

    def test_options_beside_it_win(self) -> None:
        assert parse_options({"url": "dynamodb://a/beaker?ttl=60", "ttl": 90}).ttl == 90

    def test_takes_an_endpoint_plain_or_quoted(self) -> None:
        plain = parse_options({"url": "dynamodb:///beaker?endpoint_url=http://127.0.0.1:8000"})
        quoted = parse_options({"url": "dynamodb:///beaker?host=http%3A%2F%2F127.0.0.1%3A8000"})
        assert plain == quoted

    @pytest.mark.parametrize(
        "wrong",
        [
            "redis://localhost/0",
            "dynamodb://key:secret@eu-west-1/beaker",
            "dynamodb://eu-west-1/a/b",
            "dynamodb://eu-west-1/a#b",
            "dynamodb://eu-west-1/a?ttl",
            "dynamodb://[/a",
            "",
            5,
        ],
    )
    def test_of_another_form_is_refused(self, wrong: object) -> None:
        with pytest.raises(ConfigurationError, match="dynamodb://REGION/TABLE") as caught:
            parse_options({"url": wrong})
        assert "secret" not in str(caught.value)

    def test_with_an_option_twice_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="ttl twice"):
            parse_options({"url": "dynamodb:///?ttl=1&ttl=2"})

    def test_with_a_typo_is_refused(self) -> None:
        expected = r"unknown option url\?tablename = 'x': did you mean url\?table_name\?"
        with pytest.raises(ConfigurationError, match=expected):
            parse_options({"url": "dynamodb:///?tablename=x"})


class TestContradictions:
    def test_of_attribute_names(self) -> None:
        with pytest.raises(ConfigurationError, match="two attributes have the name data"):
            Options(hash_key="data")
        with pytest.raises(ConfigurationError, match="two attributes have the name pk"):
            Options(hash_key="pk", range_key="pk")

    def test_of_profile_and_keys(self) -> None:
        with pytest.raises(ConfigurationError, match="both set: remove one"):
            Options(profile="p", aws_access_key_id="a", aws_secret_access_key="s")

    def test_of_a_token_without_its_key(self) -> None:
        with pytest.raises(ConfigurationError, match="set without aws_access_key_id"):
            Options(aws_session_token="t")

    def test_of_billing_mode_and_units(self) -> None:
        assert Options(read_capacity_units=1).is_provisioned
        with pytest.raises(ConfigurationError, match="billing_mode = provisioned"):
            Options(billing_mode="on_demand", read_capacity_units=1)


class TestBeakersOwnKeys:
    """Beaker hands more to a backend than the backend's options; pinned to the Beaker installed."""

    def test_that_it_takes_itself_are_known(self) -> None:
        parameters = inspect.signature(Session.__init__).parameters.keys()
        handed_on = {"self", "request", "id", "type", "data_dir", "timeout", "namespace_class"}
        assert parameters - handed_on - {"namespace_args"} == BEAKER_SESSION_OPTIONS

    def test_of_sessions_are_accepted(self) -> None:
        given = {
            "session.type": "memory",
            "session.auto": "true",
            "session.data_dir": "data",
            "session.lock_dir": "locks",
            "session.timeout": "600",
            "session.cookie_expires": "300",
            "session.secret": "s",
            "session.webtest_varname": "session",
            "session.log_file": "log",
            "session.session_class": Session,
        }
        handed = handed_to_a_session_backend(given)
        assert {"auto", "lock_dir", "webtest_varname", "log_file", "session_class"} <= handed.keys()
        assert parse_options(handed).timeout == 720

    def test_of_caches_and_their_regions_are_accepted(self) -> None:
        settings = parse_cache_config_options(
            {
                "cache.type": "memory",
                "cache.data_dir": "data",
                "cache.lock_dir": "locks",
                "cache.expire": "5",
                "cache.key_length": "100",
                "cache.enabled": "true",
                "cache.regions": "short",
                "cache.short.url": "dynamodb:///table",
            }
        )
        region = settings.pop("cache_regions")["short"]
        consumed = {"type", "expire"}
        for handed in (settings, region):
            rest = {name: value for name, value in handed.items() if name not in consumed}
            assert parse_options(rest)


def handed_to_a_session_backend(settings: dict[str, object]) -> dict[str, object]:
    handed: dict[str, object] = {}

    class Backend:
        def __init__(self, namespace: str, **arguments: object) -> None:
            handed.update(arguments)

        def __getattr__(self, name: str) -> object:
            raise KeyError(name)

    middleware = SessionMiddleware(None, settings)
    with pytest.raises(KeyError):
        Session(
            {},
            use_cookies=False,
            id="x",
            namespace_class=Backend,
            **{**middleware.options, "invalidate_corrupt": False},
        )
    return handed
