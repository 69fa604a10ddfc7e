"""`detect --output` writes pictures of formats that are only read as JPEG, with .jpg added."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tests.cli.detecting import Detect, image, tree, write
from tests.colour_model import gif

GIF = gif(red=(2, 5))


def test_a_format_that_is_only_read_comes_back_as_jpeg_whatever_its_name(detect: Detect) -> None:
    write("photos/a.gif", GIF)
    write("photos/b.png", GIF)
    write("photos/c.gif", image())

    run = detect("photos", "--output", "out", "--json")

    found = [json.loads(line)["annotated"] for line in run.out.splitlines()]
    assert [(each["key"], each["media_type"]) for each in found] == [
        ("out/a.gif.jpg", "image/jpeg"),
        ("out/b.png.jpg", "image/jpeg"),
        ("out/c.gif", "image/png"),
    ]
    assert {str(path) for path in Path("out").iterdir()} == {
        *("out/a.gif.jpg", "out/a.gif.json", "out/b.png.jpg", "out/b.png.json"),
        *("out/c.gif", "out/c.gif.json"),
    }
    assert Path("out/a.gif.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
    assert detect("photos", "--output", "out").code == 0  # results of the same images


def test_two_pictures_that_want_one_file_end_the_command(detect: Detect) -> None:
    write("photos/a.gif", GIF)
    write("photos/a.gif.jpg", image())
    before = tree()

    run = detect("photos", "--output", "out", "--overwrite")

    assert run.code == 2
    assert "would both be written to a.gif.jpg" in run.err
    assert tree() == before


def test_files_of_others_and_inputs_are_kept_under_the_added_name_too(detect: Detect) -> None:
    write("a.gif", GIF)
    write("a.gif.jpg", b"mine")
    before = tree()

    assert "a.gif.jpg was not written by this command" in detect("a.gif", "--output", ".").err
    assert detect("a.gif", "a.gif.jpg", "--output", ".", "--overwrite").code == 2
    assert tree() == before


def test_a_picture_whose_format_changes_has_one_annotated_picture(detect: Detect) -> None:
    for data, name in ((GIF, "a.png.jpg"), (image(), "a.png"), (GIF, "a.png.jpg")):
        write("photos/a.png", data)

        assert detect("photos", "--output", "out").code == 0
        assert {path.name for path in Path("out").iterdir()} == {name, "a.png.json"}


def test_a_former_annotated_picture_that_was_changed_is_kept(detect: Detect) -> None:
    write("photos/a.png", GIF)
    detect("photos", "--output", "out")
    write("out/a.png.jpg", b"edited")
    write("photos/a.png")

    assert detect("photos", "--output", "out").code == 0
    assert Path("out/a.png.jpg").read_bytes() == b"edited"


def test_annotated_pictures_in_an_output_folder_inside_the_input_are_left_out(
    detect: Detect,
) -> None:
    write("photos/a.gif", GIF)
    detect("photos", "--output", "photos/out")

    run = detect("photos", "--output", "photos/out")

    assert run.keys == ["photos/a.gif"]
    assert "1 results of earlier runs in the output folder left out" in run.err
    assert {path.name for path in Path("photos/out").iterdir()} == {"a.gif.jpg", "a.gif.json"}


def test_a_gif_on_standard_input_has_the_suffixes_of_both_formats(
    detect: Detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GIF)))

    assert detect("-", "--output", "out").code == 0
    assert {path.name for path in Path("out").iterdir()} == {"stdin.gif.jpg", "stdin.gif.json"}
