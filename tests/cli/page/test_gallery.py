"""The gallery of results in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.cli.page.browsing import drop, expect, save, wait_for_results
from tests.cli.page.conftest import Served, put_document
from tests.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page


def scroll_to_the_end(page: Page, count: int) -> None:
    """Scrolls down until so many results are shown."""

    def scroll() -> bool:
        page.mouse.wheel(0, 3000)
        return page.locator("#gallery li").count() == count

    wait_until(scroll, f"{count} results are shown")


def test_more_results_are_loaded_as_one_scrolls(page: Page, served: Served) -> None:
    for number in range(130):
        put_document(served, f"{number:03}.jpg")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    scroll_to_the_end(page, 130)
    expect(page.locator("#results-summary")).to_have_text("130 results")
    page.get_by_label("Search by name or label").fill("077")
    page.get_by_text("130 results, 1 match").wait_for()
    expect(page.locator("#gallery li")).to_have_count(1)


def test_more_results_are_loaded_by_a_slow_browser(page: Page, served: Served) -> None:
    # It tells several changes at once: the end was out of view, the end is in view
    page.add_init_script(
        """
        window.IntersectionObserver = class extends IntersectionObserver {
          constructor(callback, options) {
            const entries = [];
            const tell = () => callback(entries.splice(0), this);
            super((newer) => {
              if (entries.length === 0) setTimeout(tell, 500);
              entries.push(...newer);
            }, options);
          }
        };
        """
    )
    for number in range(130):
        put_document(served, f"{number:03}.jpg")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    scroll_to_the_end(page, 130)


def test_a_new_result_leaves_the_focus_where_it_is(page: Page, tmp_path: Path) -> None:
    drop(page, save(tmp_path, "a.png", red=(1, 2)))
    wait_for_results(page, 1)
    page.locator("#gallery button").focus()
    drop(page, save(tmp_path, "b.png", green=(1, 2)))
    wait_for_results(page, 2)
    expect(page.locator("#gallery button:focus")).to_contain_text("a.png")


def test_a_new_result_leaves_the_end_of_the_gallery_in_view(
    page: Page, served: Served, tmp_path: Path
) -> None:
    for number in range(130):
        put_document(served, f"{number:03}.jpg")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    scroll_to_the_end(page, 130)
    drop(page, save(tmp_path, "a.png", red=(1, 2)))
    page.get_by_text("131 results").wait_for()
    expect(page.locator("#gallery li")).to_have_count(131)
