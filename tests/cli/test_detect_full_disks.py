"""A full disk or standard output is an error, and leaves nothing half written."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from modules.cli import result_folder
from modules.storage.local_files import stage_file
from tests.cli.detecting import Detect, image, tree, write
from tests.colour_model import picture
from tests.conftest import ROOT


@contextlib.contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_cannot_be_written_fails_and_leaves_nothing(detect: Detect) -> None:
    noise = cv2.randu(picture(), 0, 255)
    write("a.png", bytes(cv2.imencode(".png", noise)[1]))
    write("b.png")

    with file_size_limit(4_000):
        run = detect("a.png", "b.png", "--output", "out")

    assert (run.code, run.keys) == (1, ["b.png"])
    assert "a.png: out/a.png cannot be written: File too large" in run.err
    assert sorted(tree("out")) == ["out/b.png", "out/b.png.json"]


def test_a_full_disk_stops_the_run_and_leaves_nothing(
    detect: Detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        write(name)
    stages: list[bytes] = []

    @contextlib.contextmanager
    def fill(folder: Path, data: bytes) -> Iterator[Path]:
        stages.append(data)
        if len(stages) == 4:  # the document of the second image
            raise OSError(errno.ENOSPC, "No space left on device")
        with stage_file(folder, data) as path:
            yield path

    monkeypatch.setattr(result_folder, "stage_file", fill)

    run = detect("a.png", "b.png", "c.png", "--output", "out")

    assert (run.code, run.keys) == (1, ["a.png"])
    assert (
        "out/b.png cannot be written: No space left on device; stopped, "
        "2 of 3 images are not done" in run.err
    )
    assert sorted(tree("out")) == ["out/a.png", "out/a.png.json"]


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="mount needs root")
def test_a_real_full_disk_stops_the_run(detect: Detect) -> None:
    write("a.png", bytes(cv2.imencode(".png", cv2.randu(picture(), 0, 255))[1]))
    Path("out").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8k", "none", "out"]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        run = detect("a.png", "--output", "out")
        left = list(Path("out").iterdir())
    finally:
        subprocess.run(["umount", "out"], check=True)

    assert run.code == 1
    assert "out/a.png cannot be written: No space left on device" in run.err
    assert left == []


@pytest.mark.parametrize("options", ["--json", ""])
def test_a_full_standard_output_is_an_error_without_a_traceback(
    options: str, colour_model: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "a.png"
    photo.write_bytes(image())

    for target, message, code in (
        ("/dev/full", "standard output cannot be written: No space left on device", 1),
        ("&-", "standard output is closed", 2),
    ):
        run = subprocess.run(
            [
                "bash",
                "-c",
                f"'{sys.executable}' -m modules detect '{photo}' --model '{colour_model}' "
                f"{options} >{target}",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

        assert run.returncode == code
        assert run.stderr == f"python -m modules detect: {message}\n"


def test_a_closed_standard_error_is_no_error(colour_model: Path, tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    photo.write_bytes(image())
    command_line = f"'{sys.executable}' -m modules detect '{photo}' --model '{colour_model}' --json"

    run = subprocess.run(
        ["bash", "-c", f"{command_line} 2>&-"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, len(run.stdout.splitlines())) == (0, 1)
