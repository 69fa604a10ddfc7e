"""File names of any kind are processed and printed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.cli.command import command
from tests.cli.detecting import Detect, image, write


def test_a_name_that_is_no_utf8_is_shown_with_escapes(detect: Detect) -> None:
    name = os.fsdecode(b"photos/caf\xe9.png")
    write(name)
    write("photos/z.png")

    run = detect("photos", "--output", "out")

    assert (run.code, run.keys) == (0, ["photos/caf\\xe9.png", "photos/z.png"])
    written = Path(os.fsdecode(b"out/caf\xe9.png.json")).read_bytes()
    assert json.loads(written.decode())["image"]["key"] == "photos/caf\\xe9.png"
    assert detect("photos", "--output", "out").code == 0


@pytest.mark.parametrize("environment", [{"FORCE_COLOR": "1"}, {"PYTHONIOENCODING": "ascii"}])
def test_names_of_any_kind_are_printed(
    environment: dict[str, str], colour_model: Path, tmp_path: Path
) -> None:
    for name in (b"caf\xe9.png", "é\u202f中.png".encode(), b"tab\t.png", b"line\nend.png"):
        Path(os.fsdecode(bytes(tmp_path) + b"/photos")).mkdir(exist_ok=True)
        Path(os.fsdecode(bytes(tmp_path) + b"/photos/" + name)).write_bytes(image())
    bad = tmp_path / "photos" / os.fsdecode(b"\xff\x1b[31m.png")
    bad.write_bytes(b"<html>")
    environment |= {"COLUMNS": "300"}

    run = command("detect", tmp_path / "photos", "--model", colour_model, environment=environment)

    assert run.returncode == 1
    assert "caf\\xe9.png" in run.stdout
    assert "tab\\t.png" in run.stdout
    assert "line\\nend.png" in run.stdout
    assert "\\xff\\x1b[31m.png: an HTML page" in run.stderr
    json_run = command(
        "detect", tmp_path / "photos", "--json", "--model", colour_model, environment=environment
    )
    assert len([json.loads(line) for line in json_run.stdout.splitlines()]) == 4


@pytest.mark.parametrize(("length", "code"), [(250, 0), (251, 1), (255, 1)])
def test_a_name_needs_room_for_the_name_of_its_document(
    length: int, code: int, detect: Detect
) -> None:
    name = "é" * 100 + "x" * (length - 204) + ".png"
    assert len(name.encode()) == length
    write(f"photos/{name}")
    write("photos/a.png")

    run = detect("photos", "--output", "out")

    assert run.code == code
    assert "photos/a.png" in run.keys
    assert len(run.keys) == (2 if code == 0 else 1)
    if code:
        assert f"{name}: its name has {length} bytes" in run.err
        assert "a name may have 250" in run.err
    assert detect("photos").code == 0


def test_a_model_folder_and_file_whose_names_are_no_utf8_are_used(
    colour_model: Path, tmp_path: Path
) -> None:
    model = Path(os.fsdecode(bytes(tmp_path) + b"/mod\xe9l"))
    shutil.copytree(colour_model, model)
    (cfg,) = model.glob("*.cfg")
    cfg.rename(Path(os.fsdecode(bytes(model) + b"/caf\xe9.cfg")))
    photo = tmp_path / "a.png"
    photo.write_bytes(image())

    run = command("detect", photo, "--model", model, "--json", "--output", tmp_path / "out")

    assert run.returncode == 0
    assert json.loads(run.stdout)["model"]["name"] == "mod\\xe9l"
