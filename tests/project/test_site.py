"""The documentation site agrees with the code: what it lists is complete and exists."""

import ast
import re
from pathlib import Path

import beaker_dynamodb
from beaker_dynamodb import testing

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "beaker_dynamodb"


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def test_its_navigation_names_each_page() -> None:
    trees = "".join(re.findall(r"```{toctree}\n(.*?)```", page("index"), re.DOTALL))
    listed = re.findall(r"^(?:[\w ]+ <)?(\w+)>?$", trees, re.MULTILINE)
    assert sorted([*listed, "index"]) == sorted(path.stem for path in DOCS.glob("*.md"))


def test_its_reference_names_each_public_name() -> None:
    documented = re.findall(
        r"^\.\. auto(?:class|function|exception):: (\w+)", page("api"), re.MULTILINE
    )
    fixtures = {"clock", "dynamodb_endpoint", "dynamodb_table"}
    public = {*beaker_dynamodb.__all__, *testing.__all__} - fixtures - {"__version__"}
    assert sorted(documented) == sorted(public)
    assert all(f"`{name}`" in page("api") for name in fixtures)


def texts_in_code() -> str:
    """The texts of the package, each on a line; what an f-string fills in is three dots."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")]
    return "\n".join(filter(None, (text_of(node) for tree in trees for node in ast.walk(tree))))


def text_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "..." for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("%s", "...")
    return None


def test_its_messages_are_those_of_the_code() -> None:
    quoted = re.findall(r"^\| `([^`]+)`", page("troubleshooting"), re.MULTILINE)
    texts = texts_in_code()
    assert len(quoted) > 30
    assert [message for message in quoted if not is_one_of(message, texts)] == []


def is_one_of(message: str, texts: str) -> bool:
    """Whether one text of the code has all parts of a message, in their order."""
    pattern = ".*".join(re.escape(part) for part in message.split("..."))
    return re.search(pattern, texts) is not None
