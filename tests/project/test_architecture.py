"""The layers and their import directions, read from the source itself."""

import ast
import inspect
import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import beaker_dynamodb

PACKAGE = Path(__file__).parents[2] / "beaker_dynamodb"

#: Each layer imports only from layers above its own.
LAYERS = [
    "version",
    "errors",
    "options",
    "codec",
    "table",
    "telemetry",
    "rows",
    "dictionaries",
    "sessions",
    "caches",
    "fallback",
    "manager",
    "session",
    "admin",
    "startup",
    "middleware",
    "pyramid",
    "turbogears",
    "testing",
    "demo",
    "cli",
]
#: Libraries that only some layers import.
CONFINED = {
    "pynamodb": {"table"},
    "botocore": {"table"},
    "urllib3": {"table"},
    "beaker": {"fallback", "manager", "session", "middleware", "testing"},
    "pyramid_beaker": {"pyramid"},
    "tg": {"turbogears"},
    "click": {"cli", "demo"},
    "jinja2": {"demo"},
    "opentelemetry": {"telemetry"},
    "matplotlib": {"cli"},
    "moto": {"demo", "testing"},
    "pytest": {"testing"},
    "rich": {"cli"},
    "waitress": {"demo"},
    "webtest": {"testing"},
}
PRINTING = {"cli", "demo"}

LONGEST_MODULE = 400
LONGEST_FUNCTION = 40
DEEPEST_CLASS = 2

#: The package's front door imports all public names, and __main__ starts the command.
ENTRANCES = {PACKAGE / "__init__.py", PACKAGE / "__main__.py"}
MODULES = sorted(set(PACKAGE.rglob("*.py")) - ENTRANCES)

each_module = pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE))
)


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def syntax_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_names(path: Path) -> set[str]:
    """Absolute dotted names that a module imports, in functions too."""
    package = ("beaker_dynamodb", *path.relative_to(PACKAGE).parent.parts)
    names: set[str] = set()
    for node in ast.walk(syntax_of(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join([*base, *([node.module] if node.module else [])])
            names.update(f"{stem}.{alias.name}" for alias in node.names)
    return names


def own_classes() -> set[type]:
    names = [
        module.name
        for module in pkgutil.walk_packages(beaker_dynamodb.__path__, "beaker_dynamodb.")
        if not module.name.endswith("__main__")
    ]
    modules = [import_module(name) for name in names]
    values = [value for module in modules for value in vars(module).values()]
    return {value for value in values if inspect.isclass(value) and is_own(value)}


def is_own(kind: type) -> bool:
    return kind.__module__.startswith("beaker_dynamodb.")


def test_every_layer_is_known() -> None:
    assert {layer_of(path) for path in MODULES} == set(LAYERS)


@each_module
def test_a_layer_imports_only_from_layers_above_its_own(path: Path) -> None:
    layer = layer_of(path)
    allowed = set(LAYERS[: LAYERS.index(layer) + 1])
    own = [name.split(".") for name in imported_names(path) if name.startswith("beaker_dynamodb.")]
    assert {name[1] for name in own} <= allowed


@pytest.mark.parametrize("layer", LAYERS)
def test_the_page_names_what_a_layer_imports(layer: str) -> None:
    page = (PACKAGE.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| `{layer}/?` \|.*\|(.*)\|.*\|$", page, re.MULTILINE)
    assert row, f"{layer} has no row"
    names = {name for path in MODULES if layer_of(path) == layer for name in imported_names(path)}
    own = {name.split(".")[1] for name in names if name.startswith("beaker_dynamodb.")}
    assert set(re.findall(r"`(\w+)`", row[1])) == own & {*LAYERS} - {layer}


@each_module
def test_a_library_is_imported_only_where_it_belongs(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported_names(path)}
    for library, layers in CONFINED.items():
        assert library not in roots or layer_of(path) in layers


@each_module
def test_only_the_command_and_the_demo_print(path: Path) -> None:
    calls = [node for node in ast.walk(syntax_of(path)) if isinstance(node, ast.Call)]
    prints = [call for call in calls if getattr(call.func, "id", "") == "print"]
    assert not prints or layer_of(path) in PRINTING


@each_module
def test_modules_and_functions_stay_short(path: Path) -> None:
    functions = [
        node
        for node in ast.walk(syntax_of(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    longest = max(((node.end_lineno or 0) - node.lineno + 1 for node in functions), default=0)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE
    assert longest <= LONGEST_FUNCTION


def test_own_classes_inherit_at_most_once_from_each_other() -> None:
    depths = {kind: len([base for base in kind.__mro__ if is_own(base)]) for kind in own_classes()}
    assert {kind.__name__ for kind, depth in depths.items() if depth > DEEPEST_CLASS} == set()


@each_module
def test_no_class_reads_the_private_attributes_of_another(path: Path) -> None:
    accesses = [
        node
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and not is_private_access_allowed(node)
    ]
    assert [ast.unparse(access) for access in accesses] == []


def is_private_access_allowed(access: ast.Attribute) -> bool:
    """Of its own object or class, of a module of its own, or a public method of NamedTuple."""
    owner: Any = access.value
    if access.attr in {"_replace", "_asdict", "_fields"}:
        return True
    return (isinstance(owner, ast.Name) and owner.id in {"self", "cls"}) or (
        isinstance(owner, ast.Call) and getattr(owner.func, "id", "") == "super"
    )
