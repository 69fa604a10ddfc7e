import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2

from tests.cli.command import command
from tests.colour_model import picture
from tests.conftest import ROOT


def demo(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return command("demo", *arguments, environment={"COLUMNS": "200", **environment})


def test_an_image_of_the_user_comes_back_annotated_by_a_model_of_the_user(
    colour_model: Path, tmp_path: Path
) -> None:
    photo, output = tmp_path / "my photo+1 é.png", tmp_path / "out"
    cv2.imwrite(str(photo), picture(red=(2, 5)))

    run = demo(photo, "--model", colour_model, "--output", output)

    assert (run.returncode, run.stderr) == (0, "")
    assert "red 100%" in run.stdout
    assert str(output / photo.name) in run.stdout
    assert (cv2.imread(str(output / photo.name)) != cv2.imread(str(photo))).any()
    document = json.loads((output / f"{photo.name}.json").read_text())
    assert document["image"]["key"] == f"input/{photo.name}"


def test_an_image_that_fails_is_named_with_the_reason(colour_model: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"<html>")

    run = demo(bad, "--model", colour_model, "--output", tmp_path / "out")

    assert run.returncode == 1
    assert "input/bad.jpg: an HTML page, not a supported image" in run.stderr
    assert (tmp_path / "out" / "failed" / "bad.jpg.json").exists()


def test_inputs_and_files_of_others_are_not_overwritten(colour_model: Path, tmp_path: Path) -> None:
    photo, output = tmp_path / "a.png", tmp_path / "out"
    cv2.imwrite(str(photo), picture(red=(2, 5)))
    before = photo.read_bytes()

    over_input = demo(photo, "--model", colour_model, "--output", tmp_path, "--overwrite")
    first = demo(photo, "--model", colour_model, "--output", output)
    again = demo(photo, "--model", colour_model, "--output", output)
    (output / photo.name).write_bytes(before)
    over_other = demo(photo, "--model", colour_model, "--output", output)

    assert [run.returncode for run in (over_input, first, again, over_other)] == [2, 0, 0, 2]
    assert "a.png is an input" in over_input.stderr
    assert "a.png is not the picture that its document names" in over_other.stderr
    assert photo.read_bytes() == (output / photo.name).read_bytes() == before


def test_addresses_are_refused(colour_model: Path) -> None:
    for arguments in (["s3://bucket/a.jpg"], ["--output", "s3://bucket"]):
        run = demo(*arguments, "--model", colour_model)

        assert run.returncode == 2
        assert "modules drop PICTURE... s3://bucket" in run.stderr


def test_a_failure_record_replaces_only_a_failure_record(
    colour_model: Path, tmp_path: Path
) -> None:
    bad, record = tmp_path / "bad.jpg", tmp_path / "out" / "failed" / "bad.jpg.json"
    bad.write_bytes(b"<html>")
    record.parent.mkdir(parents=True)
    record.write_text("mine")

    run = demo(bad, "--model", colour_model, "--output", tmp_path / "out")

    assert (run.returncode, record.read_text()) == (2, "mine")
    assert f"{record} was not written by this command" in run.stderr


def test_names_of_any_kind_are_processed_and_other_files_counted(
    colour_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    data = bytes(cv2.imencode(".png", picture(red=(2, 5)))[1])
    (folder / os.fsdecode(b"caf\xe9")).write_bytes(data)
    (folder / ("x" * 250)).write_bytes(data)
    (folder / ("y" * 251)).write_bytes(data)
    (folder / "notes.txt").write_bytes(b"text")

    run = demo(folder, "--model", colour_model, "--output", tmp_path / "out")

    assert run.returncode == 1
    assert "caf\\xe9" in run.stdout
    assert len(list((tmp_path / "out").iterdir())) == 4
    assert "its name has 251 bytes" in run.stderr
    assert run.stderr.splitlines()[-1] == "1 file left out: 1 .txt"


def test_requests_to_the_local_server_bypass_the_proxy(colour_model: Path, tmp_path: Path) -> None:
    photo, nowhere = tmp_path / "photo.png", "http://127.0.0.1:9"
    cv2.imwrite(str(photo), picture(red=(2, 5)))

    run = demo(
        photo, "--model", colour_model, "--output", tmp_path / "out",
        http_proxy=nowhere, https_proxy=nowhere,
    )  # fmt: skip

    assert (run.returncode, run.stderr) == (0, "")


def test_the_sample_images_objects_are_found(shared: Callable[[str], Path], tmp_path: Path) -> None:
    model = shared("models/yolo-fastest-1.1-xl")

    run = demo(ROOT / "demo" / "street.jpg", "--model", model, "--output", tmp_path)

    assert run.returncode == 0
    document = json.loads((tmp_path / "street.jpg.json").read_text())
    labels = sorted(item["label"] for item in document["detections"])
    assert labels == ["clock", "stop sign", "traffic light"]


def test_the_sample_image_is_what_its_script_renders(tmp_path: Path) -> None:
    rendered = tmp_path / "street.jpg"

    subprocess.run([sys.executable, ROOT / "demo" / "street.py", rendered], check=True)

    ours = cv2.imread(str(ROOT / "demo" / "street.jpg")).astype(int)
    assert abs(cv2.imread(str(rendered)).astype(int) - ours).mean() < 1


def test_without_arguments_the_market_images_are_processed_without_network(
    tmp_path: Path,
) -> None:
    nowhere = "http://127.0.0.1:9"

    run = demo(
        "--output", tmp_path,
        SHARED_DATA="", MODEL_MIRROR=nowhere, http_proxy=nowhere, https_proxy=nowhere,
    )  # fmt: skip

    assert (run.returncode, run.stderr) == (0, "")
    images = sorted(path.name for path in (ROOT / "demo").glob("market-*.jpg"))
    assert sorted(path.name for path in tmp_path.glob("*.jpg")) == images != []
    kinds = (ROOT / "demo" / "fruits" / "fruits.names").read_text().split()
    for name in images:
        document = json.loads((tmp_path / f"{name}.json").read_text())
        assert document["model"]["name"] == "fruits"
        assert document["detections"]
        assert {item["label"] for item in document["detections"]} <= set(kinds)


def test_an_unknown_model_is_wrong_usage() -> None:
    run = demo("--model", "yolo-slowest")

    assert run.returncode == 2
    assert "neither a folder nor one of fruits, yolox-nano, yolox-tiny" in run.stderr


def test_demo_and_detect_find_the_same(shared: Callable[[str], Path], tmp_path: Path) -> None:
    model, photo = shared("models/yolo-fastest-1.1-xl"), shared("photos/dog.jpg")
    printed = command("detect", "--json", photo, "--model", model).stdout

    run = demo(photo, "--model", model, "--output", tmp_path)

    assert run.returncode == 0
    through_bucket = json.loads((tmp_path / "dog.jpg.json").read_text())
    assert through_bucket["detections"] == json.loads(printed)["detections"]
    assert through_bucket["model"] == json.loads(printed)["model"]
