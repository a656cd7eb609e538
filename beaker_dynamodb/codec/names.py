"""Which names in a pickle this process cannot resolve, found without importing anything. Pure."""

from __future__ import annotations

import sys
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Iterator
from importlib.util import find_spec
from inspect import getattr_static
from types import ModuleType

_NOTHING = object()


def unknown_names(payload: bytes) -> set[str]:
    """The classes and functions in a pickle (protocol 2) that this release does not have.

    A module that is not imported yet counts as known if it can be found.

    Raises:
        ValueError: it is no pickle.
    """
    return {f"{module}.{name}" for module, name in _names(payload) if not _is_known(module, name)}


def _names(payload: bytes) -> Iterator[tuple[str, str]]:
    import pickletools  # noqa: PLC0415  # an import of the backend does not wait for it

    for opcode, argument, _ in pickletools.genops(payload):
        if opcode.name == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            # Protocol 2 uses Python 2's names (pickle.py, find_class).
            module, name = NAME_MAPPING.get((module, name), (module, name))
            yield IMPORT_MAPPING.get(module, module), name


def _is_known(module: str, name: str) -> bool:
    found = sys.modules.get(module)
    if found is None:
        return _can_be_found(module)
    names = (name.partition(".")[0], "__getattr__")
    return any(_has(found, each) for each in names) or not _has_plain_attributes(found)


def _has(module: object, name: str) -> bool:
    # Applications put objects of any class into sys.modules, also without a __dict__.
    return getattr_static(module, name, _NOTHING) is not _NOTHING


def _has_plain_attributes(module: object) -> bool:
    """Whether an object makes no attributes as they are read, as a module that loads late does."""
    reads = getattr_static(type(module), "__getattribute__")
    return reads is ModuleType.__getattribute__ or reads is object.__getattribute__


def _can_be_found(module: str) -> bool:
    """Whether there is a module; a parent that is not imported stands for all in it."""
    parent = module.rpartition(".")[0]
    if parent and parent not in sys.modules:
        return _can_be_found(parent)
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
