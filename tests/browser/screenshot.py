"""Takes the picture of the demo for README: `python -m tests.browser.screenshot`."""

from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import FloatRect, sync_playwright

from tests.browser.conftest import launch, running_demo
from tests.browser.steps import add, merge

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "demo.png"
#: In CSS pixels.
WIDTH, MARGIN = 1120, 10
#: As many rows of the log as fit beside the session.
ROWS = 4
COLOURS = 128


def main() -> None:
    """Write the picture, after two tabs have changed the session at once."""
    with running_demo() as address, sync_playwright() as playwright:
        tab = launch(playwright).new_context(viewport={"width": WIDTH, "height": WIDTH}).new_page()
        tab.goto(address)
        add(tab, "apple")
        merge(tab)
        last = tab.locator("tbody tr").nth(ROWS - 1).bounding_box()
        assert last is not None
        end = last["y"] + last["height"] + MARGIN
        area = FloatRect(x=0, y=0, width=WIDTH, height=end)
        picture = Image.open(BytesIO(tab.screenshot(clip=area)))
    PICTURE.parent.mkdir(exist_ok=True)
    picture.convert("RGB").quantize(COLOURS).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
