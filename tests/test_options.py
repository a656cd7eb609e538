"""Options: from ini strings and Python values, each right and wrong."""

import inspect

import pytest
from beaker.middleware import SessionMiddleware
from beaker.session import Session
from beaker.util import parse_cache_config_options

from beaker_dynamodb import ConfigurationError, Options
from beaker_dynamodb.options import option_rows, parse_options
from beaker_dynamodb.options.reading import BEAKER_SESSION_KEYS

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
    "save_empty": ("yes", True, []),
    "on_conflict": ("raise", "raise", "ask"),
    "compression": ("none", "none", "zip"),
    "serializer": ("json", "json", "yaml"),
    "lock_timeout": ("30", 30, "0"),
    "lock_wait": ("2.5", 2.5, "-1"),
    "stale_ttl": ("300", 300, "-1"),
    "max_value_size": ("1000000", 1_000_000, "40000000"),
    "connect_timeout": ("0.5", 0.5, "0"),
    "read_timeout": ("10", 10.0, "nan"),
    "signing_key": (f"{'a' * 32}, {'b' * 33}", ("a" * 32, "b" * 33), "c" * 31),
    "on_outage": ("miss", "miss", "ignore"),
    "max_retries": ("0", 0, "21"),
    "max_pool_connections": ("50", 50, True),
}
CREDENTIALS = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}


def test_each_option_has_an_example_here() -> None:
    assert EXAMPLES.keys() | CREDENTIALS == {name.strip("`") for name, *_ in option_rows()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_ini_string_is_parsed(name: str) -> None:
    written, meant, _ = EXAMPLES[name]
    parsed = getattr(parse_options({name: written}), name)
    assert parsed == meant
    assert type(parsed) is type(meant)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_python_value_is_taken_as_it_is(name: str) -> None:
    _, meant, _ = EXAMPLES[name]
    assert getattr(parse_options({name: meant}), name) == meant


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_wrong_value_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"option {name} must be "):
        parse_options({name: EXAMPLES[name][2]})


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - {"region", "table_name"}))
def test_each_option_fits_into_the_url(name: str) -> None:
    written, meant, _ = EXAMPLES[name]
    assert getattr(parse_options({"url": f"dynamodb:///?{name}={written}"}), name) == meant


def test_credentials_come_from_options() -> None:
    options = parse_options(
        {"aws_access_key_id": "AK", "aws_secret_access_key": "SK", "aws_session_token": "ST"}
    )
    found = (options.aws_access_key_id, options.aws_secret_access_key, options.aws_session_token)
    assert found == ("AK", "SK", "ST")


@pytest.mark.parametrize("secret", ["aws_access_key_id", "aws_secret_access_key"])
def test_half_a_pair_of_credentials_is_refused(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="together"):
        parse_options({secret: "x"})


@pytest.mark.parametrize("name", sorted(CREDENTIALS))
@pytest.mark.parametrize("broken", ["first\nsecond", "first second", "naïve", "tab\t.", 5])
def test_a_credential_that_no_header_takes_is_refused_without_being_shown(
    name: str, broken: object
) -> None:
    with pytest.raises(ConfigurationError, match=f"option {name} must be a text in") as caught:
        parse_options({name: broken})
    assert str(broken).strip()[:3] not in str(caught.value).removeprefix(f"option {name}")


@pytest.mark.parametrize("name", ["ab", "a" * 256, "a b", "a/b", "é" * 3])
def test_a_table_name_that_dynamodb_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="option table_name must be 3 to 255"):
        parse_options({"table_name": name})


@pytest.mark.parametrize("name", ["abc", "a" * 255, "my.table-1_x", "arn:aws:dynamodb:r:1:table/a"])
def test_a_table_name_may_be_any_that_dynamodb_takes(name: str) -> None:
    assert parse_options({"table_name": name}).table_name == name


@pytest.mark.parametrize("wrong", [[b"a" * 32], ["a" * 32, 5], "\ud800" * 32, (), {"a" * 32: 1}])
def test_a_signing_key_that_is_no_text_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigurationError, match="option signing_key must be one text or several"):
        parse_options({"signing_key": wrong})


def test_secrets_are_not_shown() -> None:
    options = Options(
        aws_access_key_id="AKIA", aws_secret_access_key="hidden", aws_session_token="hidden"
    )
    assert "hidden" not in repr(options)
    assert "AKIA" not in repr(options)


@pytest.mark.parametrize(
    ("typo", "nearest"),
    [
        *(("tabel_name", "table_name"), ("touch_intervall", "touch_interval"), ("hosts", "host")),
        *(("cookie_expire", "cookie_expires"), ("htponly", "httponly")),
    ],
)
def test_an_unknown_option_names_the_nearest_known_one(typo: str, nearest: str) -> None:
    with pytest.raises(ConfigurationError, match=f"unknown option {typo}: did you mean {nearest}"):
        parse_options({typo: "x"})


def test_an_option_like_no_other_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"known are .*table_name"):
        parse_options({"zzzzzz": "x"})


def test_index_keys_are_not_there_yet() -> None:
    with pytest.raises(ConfigurationError, match="unknown option index_keys"):
        parse_options({"index_keys": "user_id"})


def test_zstd_is_not_there_yet() -> None:
    with pytest.raises(ConfigurationError, match="zlib or none"):
        parse_options({"compression": "zstd"})


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
        with pytest.raises(ConfigurationError, match="did you mean table_name"):
            parse_options({"url": "dynamodb:///?tablename=x"})


class TestLife:
    def test_is_one_day_where_nothing_else_is_said(self) -> None:
        assert Options().session_life() == 86_400

    def test_is_beakers_timeout_and_the_two_minutes_that_beaker_adds(self) -> None:
        assert Options(timeout=1800 + 120).session_life() == 1920

    def test_is_ttl_before_beakers_timeout(self) -> None:
        assert Options(ttl=60, timeout=1800 + 120).session_life() == 60

    def test_is_the_cookies_age_where_only_that_is_known(self) -> None:
        assert Options().session_life(3600) == 3600
        assert Options(timeout=1800 + 120).session_life(3600) == 1920
        assert Options(ttl=60).session_life(3600) == 60
        assert Options().touch_after(100) == 10

    def test_has_no_end_with_ttl_0(self) -> None:
        assert Options(ttl=0).session_life() is None

    @pytest.mark.parametrize(
        ("options", "touch_after"),
        [
            (Options(), 30),
            (Options(ttl=0), 30),
            (Options(ttl=100), 10),
            (Options(timeout=4 + 120), 0.4),
            (Options(ttl=3600, timeout=50 + 120), 5),
            (Options(touch_interval=0), 0),
            (Options(touch_interval=300), 300),
        ],
    )
    def test_sets_how_often_a_session_is_touched(
        self, options: Options, touch_after: float
    ) -> None:
        assert options.touch_after() == pytest.approx(touch_after)

    @pytest.mark.parametrize(
        "life", [{"ttl": 60}, {"timeout": 60 + 120}, {"ttl": 600, "timeout": 180}]
    )
    def test_must_be_longer_than_the_touch_interval(self, life: dict[str, int]) -> None:
        assert Options(touch_interval=59, **life)
        with pytest.raises(ConfigurationError, match=r"touch_interval \(60 s\) must be shorter"):
            Options(touch_interval=60, **life)


class TestContradictions:
    def test_of_attribute_names(self) -> None:
        with pytest.raises(ConfigurationError, match="the attribute name data is taken twice"):
            Options(hash_key="data")
        with pytest.raises(ConfigurationError, match="taken twice"):
            Options(hash_key="pk", range_key="pk")

    def test_of_profile_and_keys(self) -> None:
        with pytest.raises(ConfigurationError, match="not both"):
            Options(profile="p", aws_access_key_id="a", aws_secret_access_key="s")

    def test_of_a_token_without_its_key(self) -> None:
        with pytest.raises(ConfigurationError, match="needs aws_access_key_id"):
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
        assert parameters - handed_on - {"namespace_args"} == BEAKER_SESSION_KEYS

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
