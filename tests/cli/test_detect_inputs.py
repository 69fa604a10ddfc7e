"""`detect` finds every picture in files, folders and standard input, and names all else."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.cli.detecting import Detect, image, tree, write


def test_pictures_are_found_by_their_contents_and_other_files_are_counted(detect: Detect) -> None:
    jpeg = image(".jpg")
    for name in ("a.jfif", "b.jpe", "c.mpo", "d", "e.Jpg", "f.json", ".hidden"):
        write(f"photos/{name}", jpeg)
    write("photos/deep/g.tmp", image(".webp"))
    for name in ("1.txt", "2.TXT", "3.json", "4.json", "5.json"):
        write(f"photos/{name}", b"BMW is a car, and this is a text")

    run = detect("photos")

    assert run.code == 0
    assert sorted(run.keys) == sorted(
        f"photos/{name}"
        for name in (
            "a.jfif", "b.jpe", "c.mpo", "d", "e.Jpg", "f.json", ".hidden", "deep/g.tmp",
        )
    )  # fmt: skip
    assert run.err.splitlines()[-1] == "5 files left out: 3 .json, 2 .txt"


def test_temporary_files_of_a_killed_run_are_no_images(detect: Detect) -> None:
    write("photos/a.png")
    write("photos/.0123456789abcdef.part")

    run = detect("photos")

    assert run.keys == ["photos/a.png"]
    assert run.err.splitlines()[-1] == "1 file left out: 1 .part"


def test_a_broken_picture_in_a_folder_fails(detect: Detect) -> None:
    write("photos/a.png")
    write("photos/empty.jpg", b"")
    write("photos/page.jpg", b"<html>")
    write("photos/cut", image(".jpg")[:200])
    Path("photos/gone.png").symlink_to("nowhere.png")
    Path("photos/link").symlink_to("nowhere")

    run = detect("photos")

    assert (run.code, run.keys) == (1, ["photos/a.png"])
    for name in ("empty.jpg: the file is empty", "page.jpg: an HTML", "cut: a JPEG"):
        assert f"photos/{name}" in run.err
    assert "photos/gone.png: No such file or directory" in run.err
    assert "1 file left out: 1 without a suffix" in run.err


def test_a_named_file_that_is_no_picture_fails(detect: Detect) -> None:
    write("a.png")
    write("notes.txt", b"text")

    run = detect("a.png", "notes.txt", "gone.png")

    assert run.code == 1
    assert "notes.txt: a text file, not a supported image" in run.err
    assert "gone.png: there is no such file or folder" in run.err


def test_a_pipe_in_a_folder_is_not_waited_for(detect: Detect) -> None:
    write("photos/a.png")
    os.mkfifo("photos/pipe.png")
    os.mkfifo("photos/pipe")

    run = detect("photos")

    assert (run.code, run.keys) == (0, ["photos/a.png"])
    assert "2 files left out: " in run.err


def test_a_folder_without_images_is_named(detect: Detect) -> None:
    write("photos/a.png")
    Path("empty").mkdir()

    run = detect("photos", "empty")

    assert run.code == 0
    assert "empty: no images in it" in run.err


def test_a_folder_that_cannot_be_read_fails(
    detect: Detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("photos/a.png")
    write("photos/secret/b.png")
    scandir = os.scandir

    def refuse(path: object) -> Any:
        if str(path) == "photos/secret":
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)

    run = detect("photos")

    assert (run.code, run.keys) == (1, ["photos/a.png"])
    assert "photos/secret: Permission denied" in run.err


def test_links_to_folders_are_followed_once(detect: Detect) -> None:
    write("photos/real/a.png")
    write("elsewhere/b.png")
    Path("photos/0").symlink_to("real")
    Path("photos/loop").symlink_to(".")
    Path("photos/other").symlink_to("../elsewhere")
    Path("photos/other again").symlink_to("../elsewhere")
    Path("photos/self").symlink_to("self")

    run = detect("photos")

    assert sorted(Path(key).name for key in run.keys) == ["a.png", "b.png"]
    assert "photos/real/a.png" in run.keys


def test_an_output_above_the_input_hides_no_image(detect: Detect) -> None:
    write("photos/a.png")

    for _ in range(2):
        run = detect("photos", "--output", ".")

        assert (run.code, run.keys) == (0, ["photos/a.png"])
    assert sorted(tree()) == ["a.png", "a.png.json", "photos/a.png"]


def test_images_in_the_output_folder_that_are_no_results_are_processed(detect: Detect) -> None:
    write("photos/a.png")
    write("photos/out/b.png")

    for _ in range(2):
        run = detect("photos", "--output", "photos/out")

        assert (run.code, sorted(run.keys)) == (0, ["photos/a.png", "photos/out/b.png"])
    assert "2 results of earlier runs in the output folder left out" in run.err


def test_an_empty_path_is_the_current_folder(detect: Detect) -> None:
    write("photos/a.png")

    assert detect("").keys == ["photos/a.png"]
    assert detect("photos", "--output", "").code == 0
    assert Path("a.png.json").exists()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3://bucket/input/", "modules drop PICTURE... s3://bucket"),
        ("s3://bucket/input/", "batch detect s3a://bucket/input/"),
        ("S3A://bucket", "batch detect s3a://bucket"),
        ("https://host/a.jpg", "curl -sSfL https://host/a.jpg | python -m modules detect -"),
        ("file:///tmp/a.jpg", "without file://"),
        ("gs://bucket/a.jpg", "batch detect"),
    ],
)
def test_an_address_is_refused_with_the_command_that_takes_it(
    address: str, message: str, detect: Detect
) -> None:
    write("a.png")

    for arguments in ([address], ["a.png", address], ["a.png", "--output", address]):
        run = detect(*arguments)

        assert run.code == 2
        assert "not a path of this machine" in run.err
        assert message in run.err
    assert sorted(tree()) == ["a.png"]


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    def use(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return use


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp"])
def test_a_dash_reads_an_image_from_standard_input(
    suffix: str, detect: Detect, stdin: Callable[[bytes], None]
) -> None:
    write("a.png")
    stdin(image(suffix))

    run = detect("-", "a.png", "--output", "out")

    assert (run.code, run.keys) == (0, ["-", "a.png"])
    assert json.loads(tree()[f"out/stdin{suffix}.json"])["image"]["bytes"] == len(image(suffix))
    assert cv2.imread(f"out/stdin{suffix}").shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("data", "message"), [(b"", "-: the file is empty"), (b"%PDF", "-: a PDF, not a supported")]
)
def test_standard_input_that_is_no_image_fails(
    data: bytes, message: str, detect: Detect, stdin: Callable[[bytes], None]
) -> None:
    stdin(data)

    run = detect("-")

    assert run.code == 1
    assert message in run.err


def test_standard_input_has_the_limit_of_files(
    detect: Detect, stdin: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_IMAGE_BYTES", "10")
    stdin(image())

    run = detect("-")

    assert run.code == 1
    assert "-: 11 bytes are too many; at most 10 are allowed" in run.err


def test_standard_input_can_be_named_once(detect: Detect, stdin: Callable[[bytes], None]) -> None:
    stdin(image())

    run = detect("-", "-")

    assert run.code == 2
    assert "standard input holds one image" in run.err
