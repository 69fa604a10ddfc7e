"""What people do on the page, and the waits for what they see."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from tests.colour_model import picture

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def save(folder: Path, name: str, **cells: tuple[int, int]) -> Path:
    path = folder / name
    path.write_bytes(bytes(cv2.imencode(".png", picture(**cells))[1]))
    return path


def drop(page: Page, *files: Path) -> None:
    """Chooses files; they are uploaded as if they had been dropped."""
    page.set_input_files("#files", files)


def expect(locator: Locator) -> Any:
    """Returns Playwright's assertions about an element, which wait until they hold."""
    from playwright.sync_api import expect as expect_of_playwright

    return expect_of_playwright(locator)


def wait_for_results(page: Page, count: int) -> None:
    page.locator("#gallery li").nth(count - 1).wait_for()


def open_first(page: Page) -> None:
    page.locator("#gallery button").first.click()
    page.locator(".box, #classes p").first.wait_for()
    page.locator("#picture").evaluate("image => image.decode()")  # waits until it is loaded
    wait_for_layout(page)


def wait_for_layout(page: Page) -> None:
    """Waits for a frame that is drawn after all that has happened; sizes are final then."""
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
