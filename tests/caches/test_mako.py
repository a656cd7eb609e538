"""The page about Mako: its templates are cached in DynamoDB."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from beaker import cache
from mako.ext import beaker_cache
from mako.lookup import TemplateLookup

from tests.support.wire import Wire

PAGE = (Path(__file__).parents[2] / "docs" / "mako.md").read_text(encoding="utf-8")
URL = "dynamodb://eu-west-1/beaker-example"
#: Builds the lookup of the page, with further arguments.
MakeLookup = Callable[..., TemplateLookup]


def block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.fixture
def make_lookup(
    dynamodb: Any, create_table: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> MakeLookup:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "prices.mako").write_text(block("mako"), encoding="utf-8")
    options = dict(dynamodb.options)
    url = f"dynamodb://{options.pop('region')}/{options.pop('table_name')}"
    query = "&".join(f"{name}={value}" for name, value in options.items())

    def make(**arguments: Any) -> TemplateLookup:
        # As in a new process.
        monkeypatch.setattr(beaker_cache, "_beaker_cache", None)
        monkeypatch.setattr(cache, "cache_managers", {})
        monkeypatch.setattr(cache, "cache_regions", {})
        names: dict[str, Any] = {}
        exec(compile(block("python").replace(URL, f"{url}?{query}"), "docs/mako.md", "exec"), names)
        lookup: TemplateLookup = names["templates"]
        lookup.template_args.update(arguments)
        return lookup

    return make


class Articles:
    """The slow place where prices come from."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> list[tuple[str, int]]:
        self.calls += 1
        return [("apple", 120), ("bread", 340)]


SHOWN = "apple: 120\nbread: 340"


def render(lookup: TemplateLookup, articles: Articles) -> str:
    text: str = lookup.get_template("prices.mako").render(articles=articles)
    return text.strip()


def test_a_block_is_rendered_once_and_read_once_for_each_page(
    make_lookup: MakeLookup, wire: Wire
) -> None:
    templates, articles = make_lookup(), Articles()
    assert render(templates, articles) == SHOWN
    with wire.expect("GetItem"):
        assert render(templates, articles) == SHOWN
    assert articles.calls == 1


def test_another_process_finds_the_block(make_lookup: MakeLookup) -> None:
    articles = Articles()
    assert [render(make_lookup(), articles) for _ in range(2)] == [SHOWN] * 2
    assert articles.calls == 1


def test_without_compiled_templates_a_new_process_renders_the_block_again(
    make_lookup: MakeLookup,
) -> None:
    articles = Articles()
    for _ in range(2):
        render(make_lookup(module_directory=None), articles)
    assert articles.calls == 2


def test_an_invalidated_block_is_rendered_again(make_lookup: MakeLookup) -> None:
    templates, articles = make_lookup(), Articles()
    render(templates, articles)
    templates.get_template("prices.mako").cache.invalidate("prices")
    assert render(templates, articles) == SHOWN
    assert articles.calls == 2


def test_a_region_fails_beside_compiled_templates(make_lookup: MakeLookup) -> None:
    templates = make_lookup()
    templates.template_args["cache_args"]["region"] = "short"
    with pytest.raises(TypeError, match="data_dir"):
        render(templates, Articles())
