"""Documents, messages and docstrings have no expressions that we have agreed not to use."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("README", "SECURITY", "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG", "CODE_OF_CONDUCT")
PAGES = sorted(
    [
        *(ROOT / f"{name}.md" for name in NAMES),
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "examples").rglob("README.md"),
    ]
)

#: Expressions, as regular expressions, and what to write instead.
INSTEAD = {
    r"engines?": "DynamoDB; in tests, DynamoDB or its stand-in",
    r"(?:he|those|one|whoever)? ?who waits? longer than": "a client that waits longer than",
    r"anew": "again",
    r"(?:is|are|was|were) over": "expired, or ended",
    r"tell|tells|told|telling": "report, return, say, distinguish",
    r"by now": "already, or nothing",
    r"of (?:no )?use": "useful, or a reason",
    r"stands? (?:there|here|below|above)": "is",
    r"asks? (?:DynamoDB|the (?:table|database|store|server|backend))": "read, call, request",
    r"(?:where|there|here)(?:of|by|upon|in|with)": "a short sentence",
    r"in order to": "to",
    r"in vain": "without an effect",
    r"an own": "its own, or the application's own",
    r"let go": "release, close, delete",
    r"for good": "permanently, or for ever",
    r"the other way round": "the reverse",
    r"whilst|amongst|henceforth|whence|hitherto": "while, among, from then on, since",
    r"(?:utili[sz]|leverag)(?:es?|ed|ing)": "use",
    r"obviously|of course|needless to say": "nothing",
    r"and/or": "or",
    r"(?:e\.g|i\.e|etc)\.": "for example, that is, and so on",
    r"so[- ]called": "the name alone",
    r"please note|note that|it should be noted": "the fact alone",
}
FOUND = re.compile("|".join(rf"\b(?:{one})(?!\w)" for one in INSTEAD), re.IGNORECASE)
MODULES = sorted((ROOT / "beaker_dynamodb").rglob("*.py"))
CODE = re.compile(r"^ *```.*?^ *```|`[^`]*`|\]\([^)]*\)", re.MULTILINE | re.DOTALL)


def findings(text: str) -> list[str]:
    """The expressions in a text, with their lines; code and the targets of links are left out."""
    prose = CODE.sub(lambda code: "\n" * code[0].count("\n"), text)
    flowing = prose.replace("\n", " ")
    return [
        f"line {prose.count(chr(10), 0, found.start()) + 1}: {found[0].strip()}: "
        f"{instead_of(found[0])}"
        for found in FOUND.finditer(flowing)
    ]


def instead_of(expression: str) -> str:
    matching = [one for one in INSTEAD if re.fullmatch(one, expression.strip(), re.IGNORECASE)]
    return f"write {INSTEAD[matching[0]]}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_document_has_none_of_them(path: Path) -> None:
    assert findings(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_none_of_them_in_messages_and_docstrings(path: Path) -> None:
    assert findings(texts(path.read_text(encoding="utf-8"))) == []


def texts(program: str) -> str:
    """The docstrings and messages of a program, each in its line; names and patterns are not."""
    found = [""] * (program.count("\n") + 1)
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            for number, line in enumerate(node.value.split("\n"), node.lineno - 1):
                found[min(number, len(found) - 1)] += f" {line}"
    return "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "The engine answers.",
        "Whoever, or one who waits longer\nthan that, gets an error.",
        "The value is created anew.",
        "The session is\nover.",
        "What was told to the user",
        "It asks DynamoDB for the row.",
        "It has an own serializer.",
    ],
)
def test_an_expression_is_found(text: str) -> None:
    assert len(findings(text)) == 1


def test_code_is_not_prose() -> None:
    assert findings("`tests/engines` runs\n\n```\nengine = told\n```\n[it](engine.md)") == []


def test_a_finding_has_its_line() -> None:
    assert findings("```\na\nb\n```\nmade anew") == ["line 5: anew: write again"]


def test_a_message_is_prose_and_a_name_is_not() -> None:
    program = 'engine = "engine"\n\nraise Error(\n    "the engine")\n'
    assert findings(texts(program)) == [
        "line 4: engine: write DynamoDB; in tests, DynamoDB or its stand-in"
    ]
