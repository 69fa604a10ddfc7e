"""`detect` overwrites only results of the same images, and no input ever."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from modules.cli import result_folder
from tests.cli.detecting import Detect, image, tree, write


def test_an_input_is_never_overwritten(detect: Detect) -> None:
    write("a.png")
    before = tree()

    for arguments in (["a.png", "--output", "."], ["a.png", "--output", "", "--overwrite"]):
        run = detect(*arguments)

        assert (run.code, run.out) == (2, "")
        assert "a.png is an input, or another name of one" in run.err
        assert tree() == before


def test_no_input_in_a_folder_is_overwritten(detect: Detect) -> None:
    write("photos/deep/a.png")
    write("photos/b.png")
    before = tree()

    run = detect("photos", "--output", "photos", "--overwrite")

    assert run.code == 2
    assert tree() == before


@pytest.mark.parametrize("link", ["hard", "symbolic", "folder"])
def test_an_input_under_another_name_is_not_overwritten(link: str, detect: Detect) -> None:
    write("photos/a.png")
    if link == "folder":
        Path("out").symlink_to("photos")
    else:
        Path("out").mkdir()
        if link == "hard":
            Path("out/a.png").hardlink_to("photos/a.png")
        else:
            Path("out/a.png").symlink_to("../photos/a.png")
    before = tree()

    run = detect("photos/a.png", "--output", "out", "--overwrite")

    assert run.code == 2
    assert "out/a.png is an input, or another name of one" in run.err
    assert tree() == before


@pytest.mark.parametrize("name", ["a.png", "a.png.json"])
def test_a_file_of_somebody_else_is_overwritten_only_on_request(name: str, detect: Detect) -> None:
    write("a.png")
    write("new.png")
    write(f"out/{name}", b"mine")
    before = tree()

    run = detect("new.png", "a.png", "--output", "out")

    assert (run.code, run.out) == (2, "")
    assert f"out/{name} was not written by this command" in run.err
    assert "--overwrite" in run.err
    assert tree() == before
    assert detect("new.png", "a.png", "--output", "out", "--overwrite").code == 0
    assert tree()[f"out/{name}"] != b"mine"


def test_a_result_of_the_same_image_is_replaced(detect: Detect) -> None:
    write("a.png")
    assert detect("a.png", "--output", "out").code == 0
    first = tree()
    write("a.png", image(green=(1, 1)))

    run = detect(Path("a.png").resolve(), "--output", "out")

    assert (run.code, len(run.keys)) == (0, 1)
    assert tree()["out/a.png"] != first["out/a.png"]
    document = json.loads(tree()["out/a.png.json"])
    assert [item["label"] for item in document["detections"]] == ["green"]


def test_a_document_names_its_annotated_picture(detect: Detect) -> None:
    write("photos/a.png")

    run = detect("photos", "--output", "out")

    written = json.loads(tree()["out/a.png.json"])
    assert written["annotated"] == {
        "key": "out/a.png",
        "media_type": "image/png",
        "sha256": hashlib.sha256(tree()["out/a.png"]).hexdigest(),
    }
    assert json.loads(run.out) == written
    assert json.loads(detect("photos").out)["annotated"] is None


def test_a_result_of_another_image_is_kept(detect: Detect) -> None:
    write("monday/a.png")
    write("tuesday/a.png", image(green=(1, 1)))
    detect("monday/a.png", "--output", "out")
    before = tree()

    run = detect("tuesday/a.png", "--output", "out")

    assert run.code == 2
    assert "out/a.png.json is the result of another image, monday/a.png" in run.err
    assert tree() == before


def test_a_picture_next_to_a_document_that_does_not_name_it_is_kept(detect: Detect) -> None:
    write("a.png")
    detect("a.png", "--output", "out")
    write("out/a.png", image(green=(1, 1)))  # such as an original that was copied there
    before = tree()

    run = detect("a.png", "--output", "out")

    assert run.code == 2
    assert "out/a.png is not the picture that its document names" in run.err
    assert tree() == before


def test_a_document_that_was_redirected_into_a_file_is_no_result(detect: Detect) -> None:
    write("a.png")
    write("out/a.png", image(green=(1, 1)))
    write("out/a.png.json", detect("a.png").out.encode())
    before = tree()

    assert detect("a.png", "--output", "out").code == 2
    assert tree() == before


def test_a_folder_with_the_name_of_a_result_is_refused(detect: Detect) -> None:
    write("a.png")
    Path("out/a.png.json").mkdir(parents=True)

    run = detect("a.png", "--output", "out", "--overwrite")

    assert run.code == 2
    assert "out/a.png.json is a folder" in run.err


def test_an_output_that_is_a_file_is_refused(detect: Detect) -> None:
    write("a.png")
    write("out", b"mine")

    for output in ("out", "out/deep"):
        run = detect("a.png", "--output", output, "--overwrite")

        assert run.code == 2
        assert "out is a file, so no results can be written into it" in run.err


def test_a_picture_with_the_name_of_a_document_is_refused(detect: Detect) -> None:
    write("photos/x.png")
    write("photos/x.png.json")

    run = detect("photos", "--output", "out")

    assert run.code == 2
    assert "photos/x.png and photos/x.png.json would both be written to x.png.json" in run.err
    assert not Path("out").exists()
    assert detect("photos").keys == ["photos/x.png", "photos/x.png.json"]


def test_a_result_and_a_folder_of_one_name_are_refused(detect: Detect) -> None:
    write("one/x.png")
    write("two/x.png/y.png")

    run = detect("one", "two", "--output", "out")

    assert run.code == 2
    assert "one/x.png and two/x.png/y.png would both be written to x.png" in run.err


def test_names_that_differ_in_case_are_refused_where_the_file_system_ignores_case(
    detect: Detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("photos/a.png")
    write("photos/A.png")
    assert detect("photos", "--output", "out").code == 0

    monkeypatch.setattr(result_folder, "ignores_case", lambda _: True)
    run = detect("photos", "--output", "other")

    assert run.code == 2
    assert "photos/A.png and photos/a.png would both be written to a.png" in run.err


def test_the_same_image_twice_is_written_twice(detect: Detect) -> None:
    write("a.png")

    assert detect("a.png", "./a.png", "--output", "out").code == 0


@pytest.mark.parametrize("name", ["a.png", "a.png.json"])
def test_a_file_that_appears_after_the_check_is_kept(
    name: str, detect: Detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.png")
    write("b.png")
    check = result_folder.ResultFolder._check_state

    def appear(folder: result_folder.ResultFolder, path: Path) -> None:
        check(folder, path)
        if path.name == name:  # between the last check and the write
            write(f"out/{name}", b"mine")

    monkeypatch.setattr(result_folder.ResultFolder, "_check_state", appear)

    run = detect("a.png", "b.png", "--output", "out")

    assert run.code == 1
    assert "a.png: out/a.png cannot be written: File exists" in run.err
    assert sorted(tree("out")) == sorted([f"out/{name}", "out/b.png", "out/b.png.json"])
    assert tree()[f"out/{name}"] == b"mine"


def test_a_result_that_was_changed_after_the_check_is_kept(
    detect: Detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.png")
    detect("a.png", "--output", "out")
    draw = sys.modules["modules.cli.detect"].draw

    def change(*arguments: Any) -> Any:
        write("out/a.png.json", b"edited")
        return draw(*arguments)

    monkeypatch.setattr("modules.cli.detect.draw", change)

    run = detect("a.png", "--output", "out")

    assert run.code == 1
    assert "out/a.png.json was written by another program since this run began" in run.err
    assert tree()["out/a.png.json"] == b"edited"


def test_results_are_written_where_the_file_system_has_no_hard_links(
    detect: Detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    write("a.png")

    assert detect("a.png", "--output", "out").code == 0
    assert sorted(tree("out")) == ["out/a.png", "out/a.png.json"]
