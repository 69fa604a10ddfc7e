"""The page in a real browser: what people see and do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.page.browsing import (
    drop,
    expect,
    open_first,
    save,
    wait_for_layout,
    wait_for_results,
)
from tests.cli.page.conftest import Served
from tests.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Dialog, Page

HOSTILE = "<img src=x onerror=alert(1)> \"'&;  ?#%2F .png"


def place_in_picture(page: Page, label: str) -> list[float]:
    """Returns a box's left, top and width as shares of the picture's width or height."""
    shares: list[float] = page.locator(".box", has_text=label).evaluate(
        """box => {
            const shown = document.getElementById("picture").getBoundingClientRect();
            const {left, top, width} = box.getBoundingClientRect();
            return [
                (left - shown.left) / shown.width, (top - shown.top) / shown.height,
                width / shown.width,
            ];
        }"""
    )
    return shares


def serious(page: Page) -> list[str]:
    """Returns what axe-core finds that keeps people from using the page."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{item['id']}: {item['nodes'][0]['html']}"
        for item in found
        if item["impact"] in ("serious", "critical")
    ]


def test_a_dropped_picture_comes_back_with_its_boxes(page: Page, tmp_path: Path) -> None:
    drop(page, save(tmp_path, "a.png", red=(1, 2), green=(5, 5)))
    page.get_by_text("1 picture, 1 done").wait_for()
    wait_for_results(page, 1)
    open_first(page)
    tags = page.locator(".box span").all_inner_texts()
    assert sorted(re.sub(r" \d+%", "", tag) for tag in tags) == ["green", "red"]
    # The square is at (1, 2) of 8 x 8 cells
    assert place_in_picture(page, "red") == pytest.approx([1 / 8, 2 / 8, 1 / 8], abs=0.02)


def test_files_dragged_onto_the_page_are_uploaded(
    page: Page, served: Served, tmp_path: Path
) -> None:
    data = list(save(tmp_path, "a.png", red=(1, 1)).read_bytes())
    transfer = page.evaluate_handle(
        """data => {
            const transfer = new DataTransfer();
            const bytes = new Uint8Array(data);
            transfer.items.add(new File([bytes], "dragged.png", {type: "image/png"}));
            return transfer;
        }""",
        data,
    )
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    page.get_by_text("1 picture, 1 done").wait_for()
    assert "output/dragged.png" in served.keys("output/")


def test_what_is_no_picture_or_too_large_is_said_at_once(
    page: Page, served: Served, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("some words\n")
    (tmp_path / "large.jpg").write_bytes(bytes(200_001))
    (tmp_path / "empty.jpg").touch()
    drop(page, *(tmp_path / name for name in ("notes.txt", "large.jpg", "empty.jpg")))
    page.get_by_text("3 pictures, 0 done, 3 failed").wait_for()
    uploads = page.locator("#uploads")
    expect(uploads).to_contain_text("a text file, not a supported image")
    expect(uploads).to_contain_text("200,001 bytes are too many; at most 200,000 are allowed")
    expect(uploads).to_contain_text("the file is empty")
    assert served.keys("input/") == []


def test_confidence_and_classes_choose_the_boxes(page: Page, tmp_path: Path) -> None:
    drop(page, save(tmp_path, "a.png", red=(1, 2), green=(5, 5), yellow=(3, 3)))
    wait_for_results(page, 1)
    open_first(page)
    boxes = page.locator(".box")
    expect(boxes).to_have_count(3)
    page.get_by_label("red (2)").uncheck()
    expect(boxes).to_have_count(1)
    page.get_by_label("red (2)").check()
    page.locator("#confidence").fill("0.9")  # the yellow square is 60 % red
    expect(boxes).to_have_count(2)


def test_zoom_and_the_original_beside_it(page: Page, tmp_path: Path) -> None:
    drop(page, save(tmp_path, "a.png", red=(1, 2)))
    wait_for_results(page, 1)
    open_first(page)

    def width() -> float:
        wait_for_layout(page)
        found = page.locator("#picture").bounding_box()
        assert found
        return found["width"]

    before = width()
    page.get_by_label("Zoom in").click()
    assert width() == pytest.approx(1.5 * before, rel=0.01)
    page.get_by_role("button", name="Fit").click()
    assert width() == pytest.approx(before, rel=0.01)
    expect(page.locator("#original")).to_be_hidden()
    page.get_by_label("The original beside it").check()
    expect(page.locator("#original")).to_be_visible()


def test_the_json_is_copied_and_the_annotated_file_saved(
    page: Page, served: Served, tmp_path: Path
) -> None:
    drop(page, save(tmp_path, "a.png", red=(1, 2)))
    wait_for_results(page, 1)
    open_first(page)
    page.get_by_role("button", name="Copy the JSON").click()
    page.get_by_text("The JSON is in the clipboard.").wait_for()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    body = served.client.get_object(Bucket=served.site.bucket, Key="output/a.png.json")["Body"]
    assert copied == json.loads(body.read())
    with page.expect_download() as download:
        page.get_by_role("link", name="Save the annotated file").click()
    assert download.value.suggested_filename == "a.png"
    saved = Path(download.value.path()).read_bytes()
    stored = served.client.get_object(Bucket=served.site.bucket, Key="output/a.png")["Body"]
    assert saved == stored.read()


def test_hostile_names_and_labels_are_shown_as_text(
    page: Page, served: Served, tmp_path: Path
) -> None:
    key = f"input/{HOSTILE}"
    data = save(tmp_path, "a.png", red=(1, 2)).read_bytes()
    served.client.put_object(Bucket=served.site.bucket, Key=key, Body=data)
    etag = served.client.head_object(Bucket=served.site.bucket, Key=key)["ETag"].strip('"')
    # The function answers first; its document is then replaced
    wait_until(lambda: f"output/{HOSTILE}.json" in served.keys("output/"), "a result")
    wait_until(served.is_idle, "no more events")
    label = "</span><script>alert(2)</script>"
    box = {"x": 0, "y": 30, "width": 20, "height": 20}
    document: dict[str, Any] = {
        "image": {"key": key, "etag": etag, "width": 64, "height": 64, "bytes": 9},
        "model": {"name": "<b>m</b>", "digest": "sha256:0", "input": [64, 64]},
        "settings": {"confidence": 0.5, "nms": 0.4},
        "annotated": None,
        "detections": [{"class_id": 0, "label": label, "confidence": 0.9, "box": box}],
    }
    failure = {"image": {"key": key}, "error": {"type": "ImageError", "message": "<i>no</i>"}}
    for name, value in ((f"output/{HOSTILE}.json", document), ("failed/x.json", failure)):
        served.client.put_object(
            Bucket=served.site.bucket, Key=name, Body=json.dumps(value).encode()
        )
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    wait_for_results(page, 1)
    open_first(page)
    expect(page.locator("#viewer-title")).to_have_text(HOSTILE)
    expect(page.locator(".box span")).to_have_text(f"{label} 90%")
    expect(page.locator("#picture")).to_have_js_property("naturalWidth", 64)
    assert dialogs == []


def test_a_failed_picture_is_tried_again(page: Page, served: Served, tmp_path: Path) -> None:
    data = save(tmp_path, "a.png", red=(1, 2)).read_bytes()
    bucket = served.site.bucket
    served.client.put_object(Bucket=bucket, Key="input/a.png", Body=data[:100])
    page.reload()
    page.wait_for_selector("body[data-ready]")
    wait_until(lambda: served.keys("failed/"), "a failure")
    page.get_by_role("button", name="Look again").click()
    page.get_by_text("1 picture without a result").wait_for()
    expect(page.locator("#failures .why")).to_contain_text("cut off")
    # The list is shown anew after three seconds, which may be over before one looks
    page.evaluate(
        """() => {
            const failures = document.getElementById("failures");
            window.shown = "";
            new MutationObserver(() => { window.shown += failures.innerText; })
                .observe(failures, { childList: true, subtree: true });
        }"""
    )
    page.get_by_role("button", name="Try a.png again").click()
    wait_until(lambda: "sent to the function" in page.evaluate("window.shown"), "its state")
    served.client.put_object(Bucket=bucket, Key="input/a.png", Body=data)
    wait_for_results(page, 1)
    page.get_by_role("button", name="Look again").click()
    page.get_by_text("No picture failed.").wait_for()


def test_the_model_that_serves_is_shown(page: Page, tmp_path: Path) -> None:
    drop(page, save(tmp_path, "a.png", red=(1, 2)))
    page.get_by_text("64 × 64 pixels").wait_for()
    expect(page.locator("#model")).to_contain_text("models/colours/")
    expect(page.locator("#model")).to_contain_text("sha256:")


def test_a_keyboard_is_enough(page: Page, tmp_path: Path) -> None:
    drop(page, save(tmp_path, "a.png", red=(1, 2)), save(tmp_path, "b.png", green=(1, 2)))
    wait_for_results(page, 2)
    page.locator("#query").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(".box").wait_for()
    first = page.locator("#viewer-title").inner_text()
    page.keyboard.press("ArrowRight")
    page.locator("#viewer-title", has_not_text=first).wait_for()
    page.locator(".box").wait_for()
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator("#gallery button:focus")).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_nothing_serious(page: Page, tmp_path: Path, scheme: Any, width: int) -> None:
    (tmp_path / "notes.txt").write_text("words\n")
    drop(page, save(tmp_path, "a.png", red=(1, 2), green=(5, 5)), tmp_path / "notes.txt")
    wait_for_results(page, 1)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    open_first(page)
    assert serious(page) == []
