"""What the page shows of results that hide objects, and of documents alone."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import cv2
import numpy as np
import pytest

from modules.errors import ObjectGoneError
from tests.cli.page.browsing import drop, expect, open_first, save, wait_for_results
from tests.cli.page.conftest import Served
from tests.colour_model import picture
from tests.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page


@contextmanager
def drawing(served: Served, kind: str) -> Iterator[None]:
    """Lets the page's function draw this."""
    function: Any = served.site.function
    before = function._settings
    function._settings = replace(before, draw=kind)
    function.choose(before.model)
    yield
    function._settings = before
    function.choose(before.model)


def upload(served: Served) -> str:
    """Uploads a picture with a red square, and waits for its result; returns the key."""
    data = bytes(cv2.imencode(".png", picture(red=(2, 5)))[1])
    uploaded = served.site.upload("a.png", data)
    wait_until(lambda: served.site.answers([uploaded])[0], "the picture has a result")
    return str(uploaded["key"])


def view(served: Served, key: str, of: str) -> Any:
    address = f"{served.address}view?key={quote(key)}&of={of}&side=0"
    with urllib.request.urlopen(address) as answer:
        return cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_COLOR)


def test_of_a_document_alone_the_original_is_shown_with_its_boxes(served: Served) -> None:
    with drawing(served, "none"):
        key = upload(served)

        plain, boxed = view(served, key, "original"), view(served, key, "annotated")

    assert np.abs(plain[42:46, 18:22].astype(int) - (0, 0, 255)).max() < 40
    changed = np.abs(plain.astype(int) - boxed).max(axis=2) > 60
    assert changed[38:50, 14:26].any()
    assert served.keys("output/") == ["output/a.png.json"]
    with pytest.raises(ObjectGoneError, match=r"nothing is drawn of input/a\.png"):
        served.site.annotated(key)


@pytest.mark.parametrize("kind", ["blur", "boxes"])
def test_the_viewer_shows_what_was_hidden_only_to_compare(
    page: Page, served: Served, tmp_path: Path, kind: str
) -> None:
    with drawing(served, kind):
        drop(page, save(tmp_path, "a.png", red=(2, 5)))
        wait_for_results(page, 1)
        open_first(page)
        shown = page.locator("#picture").get_attribute("src") or ""
        compared = page.locator("#original").get_attribute("src") or ""

    assert ("of=annotated" if kind == "blur" else "of=original") in shown
    assert "of=original" in compared
    expect(page.locator(".box span")).to_have_count(1)
    expect(page.locator("#save")).to_be_visible()
