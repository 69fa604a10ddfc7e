"""Takes the pictures of the page that README.md and docs/page.md show.

    .venv/bin/python demo/page_pictures.py

Needs Chromium, and the development environment. The page runs with the model that comes with the
project.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

_ROOT = Path(__file__).parent.parent
_IMAGES = _ROOT / "docs" / "images"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    """Drops the sample pictures on the page, and saves what it shows in three ways."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        print("no Chromium here; install one", file=sys.stderr)
        return 2
    command = [sys.executable, "-m", "modules", "page", "--port", "0"]
    with (
        subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=_ROOT, text=True, stdout=subprocess.PIPE
        ) as server,
        sync_playwright() as playwright,
    ):
        lines = iter(server.stdout or ())
        next(lines)
        address = next(lines).strip()
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1200, "height": 860})
        page.goto(address)
        _drop_samples(page)
        page.screenshot(path=_IMAGES / "page.png")
        page.emulate_media(color_scheme="dark")
        page.locator("#gallery button").first.click()
        page.locator(".box").first.wait_for()
        _wait_for_pictures(page, "#picture")
        page.screenshot(path=_IMAGES / "page-dark.jpg", type="jpeg", quality=85)
        page.get_by_role("button", name="Close").click()
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 390, "height": 800})
        page.locator("#gallery button").nth(1).click()
        page.locator(".box").first.wait_for()
        _wait_for_pictures(page, "#picture")
        page.screenshot(path=_IMAGES / "page-narrow.jpg", type="jpeg", quality=85)
        chromium.close()
        server.terminate()
    return 0


def _drop_samples(page: Page) -> None:
    samples = sorted((_ROOT / "demo").glob("market-*.jpg"))
    page.set_input_files("#files", [*samples, _ROOT / "README.md"])
    done = f"{len(samples) + 1} pictures, {len(samples)} done, 1 failed"
    page.get_by_text(done).wait_for()
    page.locator("#gallery li").nth(len(samples) - 1).wait_for()
    page.get_by_text("sha256:").wait_for()  # of the model, which is shown last
    _wait_for_pictures(page, "#gallery img")


def _wait_for_pictures(page: Page, selector: str) -> None:
    """Waits until these pictures are loaded and decoded."""
    page.evaluate(
        "selector => Promise.all([...document.querySelectorAll(selector)].map(i => i.decode()))",
        selector,
    )


if __name__ == "__main__":
    sys.exit(main())
