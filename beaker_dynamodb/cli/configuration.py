"""The settings of sessions or of a cache in an ini file, read as the application reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from configparser import ConfigParser, Error
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigurationError
from ..options import (
    ALIASES,
    BEAKER_KEYS,
    BEAKER_SESSION_OPTIONS,
    FRAMEWORK_SESSION_KEYS,
    parse_cache_options,
    parse_session_options,
)

PREFIXES = ("session.", "beaker.session.")
CACHE_PREFIXES = ("cache.", "beaker.cache.")
TYPE = "ext:dynamodb"
_DEFAULT = "DEFAULT"
#: How a section says that it is this package's Paste filter, whose keys need no prefix.
_FILTER = {
    "use": "egg:beaker-dynamodb#session",
    "paste.filter_factory": "beaker_dynamodb.middleware:session_filter",
}
#: Keys that Paste reads itself.
_OF_PASTE = ("use", "next", "paste.", "set ", "get ")
_REFERENCE = re.compile(r"%\((\w+)\)s|%%")
#: References inside values that references name, as in configparser.
_DEEPEST = 10
#: Keys of a cache that Beaker reads itself.
_OF_CACHES = {*BEAKER_KEYS, "expire"}
_OF_SESSIONS = {*BEAKER_KEYS, *BEAKER_SESSION_OPTIONS, *FRAMEWORK_SESSION_KEYS}


class Settings(NamedTuple):
    """The settings of sessions or of one cache, by name without the prefix.

    Attributes:
        prefix: `session.`, or `cache.` with the name of a region.
        values: as they are in the file, after references to other keys are replaced.
    """

    prefix: str
    values: Mapping[str, str]

    def backend_options(self) -> dict[str, str]:
        """Those that the backend gets; Beaker and the frameworks keep the others."""
        kept = _OF_SESSIONS if self.prefix == "session." else _OF_CACHES
        return {
            ALIASES.get(name, name): value
            for name, value in self.values.items()
            if name not in kept
        }


def options_in(path: Path, part: str = "") -> dict[str, str]:
    """The backend's options in an ini file; see `settings_in`."""
    return settings_in(path, part).backend_options()


def settings_in(path: Path, part: str = "") -> Settings:
    """The settings of sessions in an ini file or, if it has none in DynamoDB, of its caches.

    Args:
        path: the ini file. Each section overrides [DEFAULT].
        part: a section, or a cache region. Without it, all sections are read, and they must not
            contradict each other.

    Raises:
        ConfigurationError: the file cannot be read, stores nothing in DynamoDB, names several
            tables, or has a setting that the application would refuse.
    """
    file = _IniFile(path)
    regions = _caches(file.sections())
    if part in regions:
        return _checked(f"cache.{part}.", regions[part])
    sections = file.sections(part)
    sessions = file.agreed(map(_session_settings, _setting(sections, PREFIXES)))
    if sessions and sessions.get("type", TYPE) == TYPE:
        return _checked("session.", sessions)
    return file.only_cache(_caches(sections), sessions.get("type"))


class _Section(NamedTuple):
    """One section with the keys of [DEFAULT], and its own names among them."""

    values: Mapping[str, str]
    own: frozenset[str]

    @property
    def is_filter(self) -> bool:
        """Whether the section is this package's Paste filter."""
        return any(self.values.get(key) == value for key, value in _FILTER.items())

    def under(self, prefixes: tuple[str, ...]) -> dict[str, str]:
        """The values by name, without the prefix."""
        return {
            key.removeprefix(prefix): value
            for key, value in self.values.items()
            for prefix in prefixes
            if key.startswith(prefix)
        }


class _IniFile:
    """An ini file.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parser = _parsed(path)

    def sections(self, name: str = "") -> list[_Section]:
        """All sections, or the one with a name, such as `app:main` or `main`.

        Raises:
            ConfigurationError: there is no such section.
        """
        names = [each for each in self._parser.sections() if each != _DEFAULT] or [_DEFAULT]
        wanted = [each for each in names if name in {"", each, each.partition(":")[2]}]
        if not wanted:
            raise ConfigurationError(
                f"{self._path.name} has no section or cache region {name}: "
                f"it has the sections {', '.join(names)}"
            )
        return [self._section(each) for each in wanted]

    def agreed(self, found: Iterable[dict[str, str]]) -> dict[str, str]:
        """The settings of all sections in one."""
        settings: dict[str, str] = {}
        for each in found:
            for name, value in each.items():
                if settings.setdefault(name, value) != value:
                    raise ConfigurationError(
                        f"{self._path.name} gives session.{name} two different values: choose a "
                        f"section by --ini {self._path.name}#SECTION"
                    )
        return settings

    def only_cache(self, caches: Mapping[str, Mapping[str, str]], kind: str | None) -> Settings:
        """The settings of the caches, if all of them lead to one table."""
        checked = [
            _checked(f"cache.{name}." if name else "cache.", caches[name]) for name in caches
        ]
        if not checked:
            reason = f"session.type is {kind}" if kind else "no key begins with session. or cache."
            raise ConfigurationError(f"{self._path.name} stores nothing in DynamoDB: {reason}")
        tables = {parse_cache_options(each.values, each.prefix).place() for each in checked}
        if len(tables) > 1:
            raise ConfigurationError(
                f"{self._path.name} names several tables: choose a cache region by --ini "
                f"{self._path.name}#REGION, one of {', '.join(filter(None, caches))}"
            )
        return checked[0]

    def _section(self, name: str) -> _Section:
        own = dict(self._parser.items(name))
        defaults = self._parser.items(_DEFAULT) if self._parser.has_section(_DEFAULT) else ()
        values = {**dict(defaults), **own}
        names = {"here": str(self._path.resolve().parent), "__file__": str(self._path), **values}
        replaced = {key: self._replaced(key, value, names) for key, value in values.items()}
        return _Section(replaced, frozenset(own))

    def _replaced(self, key: str, value: str, names: Mapping[str, str]) -> str:
        """A value with its references, such as `%(here)s`, replaced."""

        def replacement(reference: re.Match[str]) -> str:
            return "%" if reference[1] is None else names[reference[1]]

        for _ in range(_DEEPEST):
            try:
                found = _REFERENCE.sub(replacement, value)
            except KeyError as error:
                # Only a key that is needed is an error: Paste knows more names than this reader.
                needed = (*PREFIXES, *CACHE_PREFIXES)
                if not key.startswith(needed) or key.rpartition(".")[2] in _OF_SESSIONS:
                    return value
                raise ConfigurationError(
                    f"{self._path.name} composes {key} from {error.args[0]}, which it does not "
                    "define: leave --ini out and give the options to the command"
                ) from None
            if found == value or "%(" not in found:
                return found
            value = found
        return value


def _parsed(path: Path) -> ConfigParser:
    # configparser adds the keys of its default section to each other section. No file has a
    # section of this name, so [DEFAULT] is read as it is.
    parser = ConfigParser(interpolation=None, default_section="\0")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(path.read_text(encoding="utf-8"), path.name)
    except (Error, OSError, UnicodeDecodeError) as error:
        # The parser's message quotes the line, which may hold a secret.
        line = f", line {error.lineno}" if hasattr(error, "lineno") else ""
        reason = f"{path.name}{line} cannot be read as an ini file ({type(error).__name__})"
        raise ConfigurationError(reason) from None
    return parser


def _setting(sections: list[_Section], prefixes: tuple[str, ...]) -> list[_Section]:
    """The sections with keys of their own under a prefix, else one with those of [DEFAULT]."""
    setting = [
        each
        for each in sections
        if any(key.startswith(prefixes) for key in each.own)
        or (each.is_filter and prefixes == PREFIXES)
    ]
    return setting or sections[:1]


def _caches(sections: list[_Section]) -> dict[str, dict[str, str]]:
    """The caches of all sections, by the names of their regions."""
    setting = _setting(sections, CACHE_PREFIXES)
    return {name: region for each in setting for name, region in _regions(each)}


def _session_settings(section: _Section) -> dict[str, str]:
    """The settings of sessions in a section; those of this package's filter need no prefix."""
    settings = section.under(PREFIXES)
    if section.is_filter:
        settings |= {
            key: section.values[key]
            for key in section.own
            if not key.startswith((*_OF_PASTE, *PREFIXES))
        }
    return settings


def _regions(section: _Section) -> Iterator[tuple[str, dict[str, str]]]:
    """The caches in DynamoDB: each region, or without regions the cache itself under no name."""
    settings = section.under(CACHE_PREFIXES)
    names = [name.strip() for name in settings.get("regions", "").split(",") if name.strip()]
    shared = {name: value for name, value in settings.items() if "." not in name}
    for name in names:
        own = {
            key.removeprefix(f"{name}."): value
            for key, value in settings.items()
            if key.startswith(f"{name}.")
        }
        inherited = {key: shared[key] for key in ("type", "url") if key in shared}
        region = inherited | own
        if region.get("type") == TYPE:
            yield name, region
    if not names and shared.get("type") == TYPE:
        yield "", shared


def _checked(prefix: str, settings: Mapping[str, str]) -> Settings:
    """The settings, if the application would accept them.

    Without `on_error`: a command prints its errors, and the application's modules need not be
    importable where it runs.
    """
    settings = {name: value for name, value in settings.items() if name != "on_error"}
    if prefix == "session.":
        others = FRAMEWORK_SESSION_KEYS
        parse_session_options({key: settings[key] for key in settings if key not in others})
    elif settings.get("type") == TYPE:
        parse_cache_options(settings, prefix)
    return Settings(prefix, settings)
