"""The demo in Chromium: its pages, its forms, two tabs, the keyboard, and what axe finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import NewContext
from tests.browser.steps import (
    add,
    adding_slowly,
    focused,
    follow,
    heading,
    merge,
    open_second,
    outcome,
    press,
    session,
    set_city,
    story,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

MEMORY = "memory/"
#: In CSS pixels: 320 is the width at which WCAG 2.2 allows no scrolling sideways (1.4.10).
NARROW, MEDIUM, WIDE = 320, 640, 1280


class TestAVisitor:
    def test_sees_the_session_and_its_row(self, tab: Page) -> None:
        assert heading(tab).startswith("You are session")
        assert outcome(tab, "view") == "stored"
        follow(tab, "View again")
        assert outcome(tab, "view") == "nothing to write"

    def test_changes_the_session(self, tab: Page) -> None:
        add(tab, "quince")
        set_city(tab, "Ghent")
        assert session(tab) == {"basket": "['quince']", "city": "Ghent"}

    def test_keeps_the_session_under_a_new_id(self, tab: Page) -> None:
        add(tab, "quince")
        before = heading(tab)
        press(tab, "Renew the id")
        assert heading(tab) != before
        assert session(tab) == {"basket": "['quince']"}

    def test_logs_out_and_starts_again(self, tab: Page) -> None:
        add(tab, "quince")
        before = heading(tab)
        press(tab, "Log out")
        assert heading(tab) == "Goodbye"
        follow(tab, "Start again")
        assert heading(tab) != before
        assert session(tab) == {}


class TestTheBackButton:
    def test_repeats_no_change(self, tab: Page) -> None:
        add(tab, "quince")
        tab.go_back()
        assert session(tab) == {"basket": "['quince']"}
        tab.go_forward()
        assert session(tab) == {"basket": "['quince']"}

    def test_shows_nothing_of_a_session_that_has_ended(self, tab: Page) -> None:
        add(tab, "quince")
        before = heading(tab)
        press(tab, "Log out")
        tab.go_back()
        assert heading(tab) != before
        assert session(tab) == {}
        assert "quince" not in tab.content()


class TestTwoTabs:
    def test_that_change_different_keys_are_merged(self, tab: Page) -> None:
        merge(tab)
        assert session(tab) == {"basket": "['quince']", "city": "Ghent"}
        assert outcome(tab, "add slowly") == "merged"
        assert "one refused write" in story(tab)

    def test_keep_the_session_ended(self, tab: Page) -> None:
        other = open_second(tab)
        with adding_slowly(tab, other, "quince"):
            press(other, "Log out")
        assert session(tab) == {}
        assert outcome(tab, "add slowly") == "ended elsewhere, nothing written"
        assert "one refused write" in story(tab)

    def test_lose_a_change_in_beakers_memory(self, tab: Page, demo: str) -> None:
        tab.goto(demo + MEMORY)
        other = open_second(tab)
        with adding_slowly(tab, other, "quince"):
            set_city(other, "Ghent")
        assert session(tab) == {"basket": "['quince']"}
        assert outcome(tab, "add slowly") == "overwrote another tab"
        assert "the change of the other tab is lost" in story(tab)

    def test_store_an_ended_session_again_in_beakers_memory(self, tab: Page, demo: str) -> None:
        tab.goto(demo + MEMORY)
        other = open_second(tab)
        with adding_slowly(tab, other, "quince"):
            press(other, "Log out")
        assert outcome(tab, "add slowly") == "ended session stored again"

    def test_that_change_the_session_in_turn_lose_nothing(self, tab: Page) -> None:
        other = open_second(tab)
        for item in ("quince", "medlar", "plum"):
            add(tab, item)
            set_city(other, item)
        follow(tab, "View again")
        assert session(tab) == {"basket": "['quince', 'medlar', 'plum']", "city": "plum"}


class TestTheSwitch:
    def test_leads_to_the_other_backend_and_back(self, tab: Page) -> None:
        add(tab, "quince")
        follow(tab, "Memory")
        assert session(tab) == {}
        assert "session.type = memory" in tab.content()
        assert focused(tab) == "Memory"
        follow(tab, "DynamoDB")
        assert session(tab) == {"basket": "['quince']"}


class TestTheKeyboard:
    def test_reaches_each_control_and_shows_where_it_is(self, tab: Page) -> None:
        names = []
        for _ in range(12):
            tab.keyboard.press("Tab")
            names.append(focused(tab))
            assert outline(tab) == "solid"
        assert names == [
            "DynamoDB",
            "Memory",
            "View again",
            "Renew the id",
            "Log out",
            "item",
            "Add",
            "Add slowly",
            "city",
            "Set the city",
            "Open a second tab",
            "See what plain Beaker does.",
        ]

    def test_alone_takes_a_visitor_through_a_session(self, tab: Page) -> None:
        type_into(tab, "item", "quince")
        assert focused(tab) == "item"
        type_into(tab, "city", "Ghent")
        assert focused(tab) == "city"
        assert session(tab) == {"basket": "['quince']", "city": "Ghent"}
        go_to(tab, "Renew the id", "Shift+Tab")
        press_enter(tab)
        assert focused(tab) == "Renew the id"
        go_to(tab, "Log out")
        press_enter(tab)
        assert (heading(tab), focused(tab)) == ("Goodbye", "Start again")
        press_enter(tab)
        assert session(tab) == {}


class TestThePage:
    @pytest.mark.parametrize(
        ("path", "width", "scheme"),
        [
            ("", NARROW, "dark"),
            ("", MEDIUM, "dark"),
            ("", WIDE, "light"),
            (MEMORY, NARROW, "light"),
            (MEMORY, WIDE, "dark"),
        ],
    )
    def test_has_no_finding_of_axe_and_fits_into_the_window(
        self, new_context: NewContext, demo: str, path: str, width: int, scheme: str
    ) -> None:
        window = {"width": width, "height": 800}
        tab = new_context(viewport=window, color_scheme=scheme).new_page()
        tab.goto(demo + path)
        add(tab, "x" * 40)
        other = open_second(tab)
        with adding_slowly(tab, other, "quince"):
            check(other)
            set_city(other, "Ghent")
        check(tab)
        press(other, "Log out")
        check(other)
        assert brightness(tab) == scheme


def outline(tab: Page) -> str:
    """The style of the outline around the control that has the focus."""
    return str(tab.evaluate("() => getComputedStyle(document.activeElement).outlineStyle"))


def go_to(tab: Page, name: str, key: str = "Tab") -> None:
    """Move the focus to a control by the keyboard."""
    for _ in range(20):
        if focused(tab) == name:
            return
        tab.keyboard.press(key)
    pytest.fail(f"{key} does not lead to {name}")


def type_into(tab: Page, name: str, text: str) -> None:
    """Replace the text of a field by the keyboard, and send its form."""
    go_to(tab, name)
    tab.keyboard.press("Control+A")
    tab.keyboard.type(text)
    press_enter(tab)


def press_enter(tab: Page) -> None:
    with tab.expect_navigation():
        tab.keyboard.press("Enter")


def check(tab: Page) -> None:
    """Let axe look at the page, and see that nothing sticks out of the window."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - may be missing

    assert Axe().run(tab).response["violations"] == []
    root = "document.documentElement"
    assert tab.evaluate(f"() => {root}.scrollWidth <= {root}.clientWidth")


def brightness(tab: Page) -> str:
    """`light` or `dark`, by the colour of the page."""
    colour = str(tab.evaluate("() => getComputedStyle(document.body).backgroundColor"))
    first = int(colour.removeprefix("rgb(").split(",")[0])
    return "light" if first > 127 else "dark"
