"""What a visitor does and sees on the demo's page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

MOST_RELOADS = 40


def press(tab: Page, name: str) -> None:
    """Press a button, and wait for the page that follows."""
    with tab.expect_navigation():
        tab.get_by_role("button", name=name, exact=True).click()


def add(tab: Page, item: str) -> None:
    tab.get_by_label("Put into the basket").fill(item)
    press(tab, "Add")


def set_city(tab: Page, city: str) -> None:
    tab.get_by_label("Deliver to").fill(city)
    press(tab, "Set the city")


@contextmanager
def adding_slowly(tab: Page, other: Page, item: str) -> Iterator[None]:
    """Press "Add slowly", and run the block when the other tab sees that the request waits.

    Returns when the first tab shows the page that follows.
    """
    tab.get_by_label("Put into the basket").fill(item)
    with tab.expect_navigation():
        tab.get_by_role("button", name="Add slowly").click(no_wait_after=True)
        _wait_until_announced(other)
        yield


def _wait_until_announced(tab: Page) -> None:
    for _ in range(MOST_RELOADS):
        if "and waits" in story(tab):
            return
        tab.reload()
    pytest.fail("the slow request does not wait")


def follow(tab: Page, name: str) -> None:
    """Follow a link, and wait for its page."""
    with tab.expect_navigation():
        tab.get_by_role("link", name=name, exact=True).click()


def open_second(tab: Page) -> Page:
    """Open the page in a second tab, by its link."""
    with tab.context.expect_page() as opened:
        tab.get_by_role("link", name="Open a second tab").click()
    opened.value.wait_for_load_state()
    return opened.value


def merge(tab: Page) -> None:
    """Let two tabs change two keys at once; return when the page shows both changes."""
    other = open_second(tab)
    with adding_slowly(tab, other, "quince"):
        set_city(other, "Ghent")


def story(tab: Page) -> str:
    return tab.locator(".lede").inner_text()


def heading(tab: Page) -> str:
    return tab.get_by_role("heading", level=1).inner_text()


def session(tab: Page) -> dict[str, str]:
    """The values of the session, without the time of the first visit."""
    pairs = tab.locator("section", has_text="In your session").first.locator(".pairs > div").all()
    texts = [pair.inner_text().split("\n") for pair in pairs]
    return {text[0]: text[-1] for text in texts if text[0] != "first_visit"}


def outcome(tab: Page, action: str) -> str:
    """The outcome of the latest request with this action."""
    row = tab.locator("tbody tr", has=tab.get_by_role("rowheader", name=action, exact=True)).first
    return row.locator(".outcome").inner_text()


def focused(tab: Page) -> str:
    """The name of the control that has the focus."""
    script = "() => { const e = document.activeElement; return e.name || e.textContent.trim(); }"
    return str(tab.evaluate(script))
