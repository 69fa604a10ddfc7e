"""`detect --draw`: what is written into the folder, and what is left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.cli.detecting import Detect, image, tree, write


def document(path: str = "out/a.png.json") -> Any:
    return json.loads(tree()[path])


@pytest.mark.parametrize("kind", ["blur", "pixelate"])
def test_a_redacted_picture_and_its_document_are_written(detect: Detect, kind: str) -> None:
    write("a.png")

    run = detect("a.png", "--output", "out", "--draw", kind)

    assert run.code == 0, run.err
    assert document()["settings"]["draw"] == kind
    assert document()["annotated"]["key"] == "out/a.png"
    assert cv2.imread("out/a.png")[40:48, 16:24, 2].max() < 200
    assert detect("out/a.png", "--json").out.count('"label"') == 0


def test_with_none_only_documents_are_written(detect: Detect) -> None:
    write("a.png")

    run = detect("a.png", "--output", "out", "--draw", "none")

    assert run.code == 0, run.err
    assert "1 documents in out" in run.err
    assert set(tree()) == {"a.png", "out/a.png.json"}
    assert document()["annotated"] is None
    assert document()["settings"]["draw"] == "none"


def test_the_variable_counts_unless_there_is_an_option(
    detect: Detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.png")
    monkeypatch.setenv("DRAW", "none")

    assert detect("a.png", "--output", "out").code == 0
    assert detect("a.png", "--output", "boxes", "--draw", "boxes").code == 0

    assert set(tree()) == {"a.png", "out/a.png.json", "boxes/a.png", "boxes/a.png.json"}


def test_documents_may_lie_next_to_their_images_again_and_again(detect: Detect) -> None:
    write("photos/a.png")
    write("photos/b.png", image(green=(1, 1)))

    for _ in range(2):
        run = detect("photos", "--output", "photos", "--draw", "none", "--json")
        assert run.code == 0, run.err
        assert run.keys == ["photos/a.png", "photos/b.png"]

    names = {f"photos/{name}" for name in ("a.png", "b.png", "a.png.json", "b.png.json")}
    assert set(tree()) == names
    assert tree()["photos/a.png"] == image()


def test_a_document_alone_that_was_not_written_here_is_not_replaced(detect: Detect) -> None:
    write("a.png")
    write("out/a.png.json", b"mine")

    run = detect("a.png", "--output", "out", "--draw", "none")

    assert run.code == 2
    assert "out/a.png.json was not written by this command" in run.err
    assert tree()["out/a.png.json"] == b"mine"


def test_the_document_alone_of_another_image_is_not_replaced(detect: Detect) -> None:
    write("monday/a.png")
    write("tuesday/a.png")
    assert detect("monday", "--output", "out", "--draw", "none").code == 0

    run = detect("tuesday", "--output", "out", "--draw", "none")

    assert run.code == 2
    assert "the result of another image, monday/a.png" in run.err


@pytest.mark.parametrize("before", [".png", ".gif"])
def test_the_picture_of_a_former_result_is_deleted_when_nothing_is_drawn(
    detect: Detect, before: str
) -> None:
    write("a.png", image(before))
    assert detect("a.png", "--output", "out").code == 0
    assert len(tree("out")) == 2

    run = detect("a.png", "--output", "out", "--draw", "none")

    assert run.code == 0, run.err
    assert set(tree("out")) == {"out/a.png.json"}


def test_a_picture_of_somebody_else_stays_beside_a_document_alone(detect: Detect) -> None:
    write("a.png")
    write("out/a.png", b"mine")

    run = detect("a.png", "--output", "out", "--draw", "none")

    assert run.code == 0, run.err
    assert tree()["out/a.png"] == b"mine"
    refused = detect("a.png", "--output", "out")
    assert refused.code == 2
    assert "out/a.png is not the picture that its document names" in refused.err


def test_a_former_picture_that_was_changed_stays(detect: Detect) -> None:
    write("a.png")
    assert detect("a.png", "--output", "out").code == 0
    Path("out/a.png").write_bytes(b"changed")

    assert detect("a.png", "--output", "out", "--draw", "none", "--overwrite").code == 0

    assert tree()["out/a.png"] == b"changed"


@pytest.mark.parametrize("kind", ["boxes", "blur", "pixelate"])
def test_a_drawing_needs_a_folder(detect: Detect, kind: str) -> None:
    write("a.png")

    run = detect("a.png", "--draw", kind)

    assert (run.code, run.out) == (2, "")
    assert f"--draw {kind} needs --output DIR" in run.err
