"""The documentation site: Sphinx reads docs, and the pages beside README as well.

The pages in the root of the repository are not copied. A line of a page that consists of a link to
one of them, or to one of its sections, is replaced by that text. Links to files that are no pages
lead to GitHub.
"""

from __future__ import annotations

import os.path
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beaker_dynamodb import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
REPOSITORY = "https://github.com/beaker-dynamodb/beaker-dynamodb"

project = "beaker-dynamodb"
author = "The beaker_dynamodb authors"
project_copyright = author
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"beaker-dynamodb {release}"
html_theme_options = {"source_repository": REPOSITORY, "source_branch": "main"}
myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "description"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

#: The page of the site that shows a file, or a section of it, from outside docs.
PAGES = {
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "README.md#options": "options.md",
    "README.md#what-it-costs": "cost.md",
    "SECURITY.md": "security.md",
}
_ABSOLUTE = re.compile(rf"^{REPOSITORY}/(?:blob|tree)/main/")
_LINK = re.compile(r"(?<=\]\()[^)\s]+(?=\))")
_LINE_OF_A_LINK = re.compile(r"^\[[^\]]+\]\(\.\./(\w+\.md)(?:#([\w-]+))?\)$", re.MULTILINE)
_DEFINITION = re.compile(r"^\[([^\]]+)\]: (\S+)\n", re.MULTILINE)
_REFERENCE = re.compile(r"(?<=\])\[([\w ]+)\]")
#: A name in a docstring, as in Markdown; reStructuredText has two backticks.
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)(?=(\w?))")
_HEADING = re.compile(r"^(##+) (.*)\n", re.MULTILINE)


def _resolve(target: str, folder: str) -> str:
    """The place on the site, or on GitHub, that a link of a file in a folder leads to."""
    path = _ABSOLUTE.sub("", target)
    is_relative = path == target
    if is_relative and (":" in target or target.startswith("#")):
        return target
    if is_relative:
        path = os.path.normpath(f"{folder}/{target}")
    name, mark, fragment = path.partition("#")
    if path in PAGES:
        return PAGES[path]
    if name in PAGES:
        return f"{PAGES[name]}{mark}{fragment}"
    if name.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"{REPOSITORY}/blob/main/{path}" if is_relative else target


def _with_links(text: str, folder: str) -> str:
    return _LINK.sub(lambda link: _resolve(link[0], folder), text)


def _slug(title: str) -> str:
    """The fragment that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _section(text: str, fragment: str) -> str:
    """A section without its title; its parts become sections."""
    found = None
    for heading in _HEADING.finditer(text):
        level, title = heading.groups()
        if found and len(level) <= len(found[1]):
            return text[found.end() : heading.start()].replace(f"\n{found[1]}#", "\n##")
        if not found and _slug(title) == fragment:
            found = heading
    raise ValueError(f"no section {fragment}, or it is the last one")


def _included(link: re.Match[str]) -> str:
    path, fragment = link.groups()
    text = (ROOT / path).read_text(encoding="utf-8")
    targets = dict(_DEFINITION.findall(text))
    text = _DEFINITION.sub("", text)
    text = _REFERENCE.sub(lambda reference: f"({targets[reference[1]]})", text)
    return _with_links(_section(text, fragment) if fragment else text, ".")


def _read(_app: Sphinx, _name: str, source: list[str]) -> None:
    page, texts = source[0], []
    end = 0
    for link in _LINE_OF_A_LINK.finditer(page):
        texts += [_with_links(page[end : link.start()], "docs"), _included(link)]
        end = link.end()
    source[0] = "".join([*texts, _with_links(page[end:], "docs")])


def _mark_code(line: str) -> str:
    return _CODE.sub(lambda code: f"``{code[1]}``" + ("\\ " if code[2] else ""), line)


def _read_docstring(*event: Any) -> None:
    lines: list[str] = event[-1]
    lines[:] = map(_mark_code, lines)


def setup(app: Sphinx) -> None:
    """Connect the readers of pages and docstrings; Sphinx calls this."""
    app.connect("source-read", _read)
    app.connect("autodoc-process-docstring", _read_docstring)
