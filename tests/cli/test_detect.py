import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from modules.object_detection.images import FORMATS
from tests.cli.command import command
from tests.colour_model import large_picture, picture
from tests.conftest import ROOT


def detect(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return command("detect", *arguments, environment=environment)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photos" / "deep" / "a b.png"
    path.parent.mkdir(parents=True)
    cv2.imwrite(str(path), picture(red=(2, 5), green=(6, 0)))
    return path


def test_json_prints_one_document_per_line(photo: Path, colour_model: Path) -> None:
    run = detect(photo, photo, "--model", colour_model, "--json")

    assert run.returncode == 0
    documents = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(documents) == 2
    assert documents[0]["image"] == {
        "bucket": None,
        "key": str(photo),
        "etag": None,
        "version_id": None,
        "width": 64,
        "height": 64,
        "bytes": photo.stat().st_size,
    }
    assert [item["label"] for item in documents[0]["detections"]] == ["red", "green"]


@pytest.mark.parametrize("given", ["option", "variable"])
def test_multi_label_counts_a_box_for_every_class_and_the_document_says_so(
    given: str, tmp_path: Path, colour_model: Path
) -> None:
    photo = tmp_path / "yellow.png"
    cv2.imwrite(str(photo), picture(yellow=(2, 5)))
    arguments = (photo, "--model", colour_model, "--json", "--confidence", "0.3")
    if given == "option":
        run = detect(*arguments, "--multi-label")
    else:
        run = detect(*arguments, MULTI_LABEL="1")
    plain = detect(*arguments)

    document, without = json.loads(run.stdout), json.loads(plain.stdout)
    assert document["settings"] == {"confidence": 0.3, "nms": 0.4, "multi_label": True}
    assert without["settings"] == {"confidence": 0.3, "nms": 0.4}
    red, green = document["detections"]
    assert (red["label"], green["label"]) == ("red", "green")
    assert (red["confidence"], green["confidence"]) == (0.5968, 0.4032)
    assert red["box"] == green["box"]
    assert without["detections"] == [red]


@pytest.mark.parametrize("given", ["option", "variable"])
def test_slices_find_small_things_in_a_large_image_and_the_document_says_so(
    given: str, tmp_path: Path, colour_model: Path
) -> None:
    photo = tmp_path / "large.png"
    cv2.imwrite(str(photo), large_picture(red=(20, 13)))
    arguments = (photo, "--model", colour_model, "--json")
    if given == "option":
        run = detect(*arguments, "--slice", "64", "--slice-overlap", "0.25")
    else:
        run = detect(*arguments, SLICE="64", SLICE_OVERLAP="0.25")
    plain = detect(*arguments, "--slice", "", SLICE="64")

    document, without = json.loads(run.stdout), json.loads(plain.stdout)
    assert document["settings"] == {
        **without["settings"],
        "slice": 64,
        "slice_overlap": 0.25,
    }
    assert without["detections"] == []
    assert [item["label"] for item in document["detections"]] == ["red"]


def test_a_pipe_gets_one_detection_per_line_separated_by_tabs(
    photo: Path, colour_model: Path
) -> None:
    run = detect(photo, "--model", colour_model)

    assert run.stdout.splitlines() == [
        f"{photo}\tred\t1.0\t16.0\t40.0\t8.0\t8.0",
        f"{photo}\tgreen\t1.0\t48.0\t0.0\t8.0\t8.0",
    ]


def test_a_terminal_gets_a_table(photo: Path, colour_model: Path) -> None:
    run = detect(photo, "--model", colour_model, FORCE_COLOR="1", COLUMNS="200")

    assert "red 100%, green 100%" in run.stdout
    assert "┃" in run.stdout


def test_the_output_has_the_folder_structure_of_the_input(
    photo: Path, colour_model: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"

    run = detect(tmp_path / "photos", "--model", colour_model, "--output", output)

    assert run.returncode == 0
    assert sorted(str(path.relative_to(output)) for path in output.rglob("*.*")) == [
        "deep/a b.png",
        "deep/a b.png.json",
    ]
    document = json.loads((output / "deep/a b.png.json").read_text())
    assert document["image"]["key"] == str(photo)
    assert (cv2.imread(str(output / "deep/a b.png")) != cv2.imread(str(photo))).any()


def test_an_output_folder_inside_the_input_folder_is_not_read(
    photo: Path, colour_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    for _ in range(2):
        run = detect(folder, "--model", colour_model, "--output", folder / "out", "--json")

    assert [json.loads(line)["image"]["key"] for line in run.stdout.splitlines()] == [str(photo)]


def test_failed_inputs_are_named_and_the_others_processed(
    photo: Path, colour_model: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"%PDF-1.7")

    run = detect(bad, tmp_path / "none.jpg", photo, "--model", colour_model, "--json")

    assert run.returncode == 1
    assert len(run.stdout.splitlines()) == 1
    assert f"{bad}: a PDF, not a supported image" in run.stderr
    assert f"{tmp_path / 'none.jpg'}: there is no such file" in run.stderr


def test_options_take_precedence_over_the_environment(photo: Path, colour_model: Path) -> None:
    model = ("--model", colour_model, "--json")

    none = detect(photo, *model, "--confidence", "1", CONFIDENCE="0.1")
    some = detect(photo, *model, CLASSES="green")

    assert json.loads(none.stdout)["detections"] == []
    assert json.loads(none.stdout)["settings"] == {"confidence": 1.0, "nms": 0.4}
    assert [item["label"] for item in json.loads(some.stdout)["detections"]] == ["green"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--confidence", "50"], "CONFIDENCE=50.0 cannot work: it must be a number from 0 to 1"),
        (["--nms", "many"], "NMS=many cannot work: it must be a number"),
    ],
)
def test_a_bad_option_exits_with_two(
    arguments: list[str], message: str, photo: Path, colour_model: Path
) -> None:
    run = detect(photo, "--model", colour_model, *arguments)

    assert (run.returncode, run.stdout) == (2, "")
    assert message in run.stderr


def test_a_missing_model_is_wrong_usage(photo: Path, tmp_path: Path) -> None:
    run = detect(photo, "--model", tmp_path / "none")

    assert run.returncode == 2
    assert "none: neither a folder nor one of fruits, yolox-nano, " in run.stderr


def test_a_folder_without_images_is_wrong_usage(colour_model: Path) -> None:
    run = detect(colour_model, "--model", colour_model)

    assert run.returncode == 2
    assert f"no images ({', '.join(map(str.upper, FORMATS))}) in {colour_model}" in run.stderr
    assert "3 files left out: 1 .cfg, 1 .names, 1 .weights" in run.stderr


def test_two_inputs_with_the_same_output_file_are_refused(
    photo: Path, colour_model: Path, tmp_path: Path
) -> None:
    other = tmp_path / photo.name
    other.write_bytes(photo.read_bytes())

    run = detect(photo, other, "--model", colour_model, "--output", tmp_path / "out")

    assert run.returncode == 2
    assert "would both be written to a b.png" in run.stderr


def test_a_closed_pipe_is_no_error(photo: Path, colour_model: Path) -> None:
    line = f"'{sys.executable}' -m modules detect --json --model '{colour_model}' "
    line += " ".join([f"'{photo}'"] * 50)

    run = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line} | head -1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("name", ["", "detect", "demo", "local", "models"])
def test_help_is_printed(name: str) -> None:
    run = command(*name.split(), "--help")

    assert run.returncode == 0
    assert run.stdout.startswith("usage: python -m modules")
    assert run.stderr == ""


def test_a_known_photo_has_dog_bicycle_and_car(shared: Callable[[str], Path]) -> None:
    model = shared("models/yolo-fastest-1.1-xl")

    run = detect(shared("photos/dog.jpg"), "--model", model, "--json")

    (line,) = run.stdout.splitlines()
    labels = {item["label"] for item in json.loads(line)["detections"]}
    assert {"dog", "bicycle"} <= labels
    assert labels & {"car", "truck"}
