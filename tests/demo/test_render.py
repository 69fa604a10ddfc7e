import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from demo.drawing.varieties import KINDS
from demo.market.scenes import render_scene
from demo.render import main

ROOT = Path(__file__).parent.parent.parent


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def render(*arguments: object, processes: int = 1) -> int:
    return main([*map(str, arguments), "--processes", str(processes)])


def test_each_class_has_a_folder_with_an_equal_share_of_the_pictures(tmp_path: Path) -> None:
    render("fruits", tmp_path / "out", "--classes", 20, "--count", 47, "--size", 32)

    counts = Counter(path.split("/")[0] for path in contents(tmp_path / "out"))
    assert len(counts) == 20
    assert sum(counts.values()) == 47
    assert set(counts.values()) == {2, 3}
    assert {name.rpartition("-")[0] for name in counts} == set(KINDS)
    assert {"apple-1", "apple-3", "kiwi-2"} <= set(counts)


def test_a_single_fruit_is_on_white_in_the_given_size(tmp_path: Path) -> None:
    render("fruits", tmp_path / "out", "--classes", 8, "--count", 8, "--size", 48)

    for path in (tmp_path / "out").rglob("*.jpg"):
        pixels = cv2.imread(str(path))
        assert pixels.shape == (48, 48, 3)
        assert (pixels[[0, 0, -1, -1], [0, -1, 0, -1]] > 240).all()
        assert (pixels < 200).any(axis=2).mean() > 0.1


@pytest.mark.parametrize(
    "command",
    [
        ("fruits", "--classes", 5, "--count", 40, "--size", 24),
        ("scenes", "--count", 4, "--size", "96x64"),
    ],
    ids=lambda command: str(command[0]),
)
def test_a_seed_gives_the_same_files_on_any_number_of_processes(
    command: tuple[object, ...], tmp_path: Path
) -> None:
    what, *options = command
    for name, seed, processes in (("one", 7, 1), ("two", 7, 2), ("other", 8, 1)):
        render(what, tmp_path / name, *options, "--seed", seed, processes=processes)

    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert contents(tmp_path / "one") != contents(tmp_path / "other")


def test_the_labels_of_a_scene_are_in_yolos_format(tmp_path: Path) -> None:
    render("scenes", tmp_path / "out", "--count", 2, "--seed", 9, "--size", "160x120")

    assert (tmp_path / "out/fruits.names").read_text().split() == list(KINDS)
    for number in range(2):
        scene = render_scene(9, number, (160, 120))
        text = (tmp_path / f"out/labels/market-{number:05d}.txt").read_text()
        rows = np.array([line.split() for line in text.splitlines()], float)
        centres, sides = rows[:, 1:3] * (160, 120), rows[:, 3:5] * (160, 120)
        boxes = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1)
        pixels = cv2.imread(str(tmp_path / f"out/images/market-{number:05d}.jpg"))

        assert rows[:, 0].tolist() == [label.class_id for label in scene.labels]
        assert boxes == pytest.approx(np.array([label.box for label in scene.labels]), abs=0.01)
        assert np.abs(pixels.astype(int) - scene.pixels).mean() < 6  # JPEG's loss


def test_existing_files_are_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    assert render("fruits", tmp_path, "--count", 1) == 2
    assert list(tmp_path.iterdir()) == [tmp_path / "mine.txt"]
    assert "not an empty folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["scenes", "out", "--size", "640"], "640x480"),
        (["scenes", "out", "--size", "2x2"], "640x480"),
        (["fruits", "out", "--count", "0"], "1 or more"),
        (["fruits", "out", "--size", "5"], "16 to 4096"),
        (["fruits", "out", "--seed", "-1"], "0 or more"),
        (["flowers", "out"], "flowers"),
    ],
)
def test_a_wrong_argument_is_named_with_the_allowed_values(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)

    assert left.value.code == 2
    assert named in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["scenes"], ["fruits"]], ids=" ".join)
def test_help_describes_the_output(command: list[str]) -> None:
    script = [sys.executable, "demo/render.py", *command, "--help"]

    help_text = subprocess.run(script, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    assert "OUT" in help_text or "scenes" in help_text
    assert "fruit" in help_text.lower()
