"""The layers of the package, read from its imports."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent.parent / "beaker_dynamodb"

#: Each part imports only from parts above its own.
LAYERS = [
    "version",
    "errors",
    "options",
    "codec",
    "snapshot",
    "model",
    "store",
    "lock",
    "namespace",
    "session",
    "middleware",
    "pyramid",
    "admin",
    "cli",
]
#: The parts that can import a third-party package.
CONFINED = {
    "pynamodb": {"model", "store", "admin"},
    "botocore": {"model", "store", "admin", "cli"},
    "beaker": {"lock", "namespace", "session", "middleware", "cli"},
    "pyramid_beaker": {"pyramid"},
    "click": {"cli"},
    "moto": {"cli"},
    "waitress": {"cli"},
}

#: __init__ imports all public names, and __main__ starts the command.
FACES = {PACKAGE / "__init__.py", PACKAGE / "__main__.py"}
MODULES = sorted(set(PACKAGE.rglob("*.py")) - FACES)


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_names(path: Path) -> set[str]:
    """Absolute dotted names that a module imports, in functions too."""
    package = ("beaker_dynamodb", *path.relative_to(PACKAGE).parent.parts)
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join([*base, *([node.module] if node.module else [])])
            names.update(f"{stem}.{alias.name}" for alias in node.names)
    return names


def test_every_part_has_a_layer() -> None:
    assert {part_of(path) for path in MODULES} == set(LAYERS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_part_imports_only_from_parts_above_its_own(path: Path) -> None:
    part = part_of(path)
    allowed = set(LAYERS[: LAYERS.index(part) + 1])
    own = [name.split(".") for name in imported_names(path) if name.startswith("beaker_dynamodb.")]
    parts = {name[1] for name in own} - {"__version__"}
    assert parts <= allowed


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_third_party_imports_stay_in_their_parts(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported_names(path)}
    for library, parts in CONFINED.items():
        assert library not in roots or part_of(path) in parts


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_command_prints(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    prints = [call for call in calls if getattr(call.func, "id", "") == "print"]
    assert not prints or part_of(path) == "cli"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_and_functions_stay_short(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    functions = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    lengths = [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]
    assert len(source.splitlines()) <= 250
    assert max(lengths, default=0) <= 40
