import ast
import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.object_detection.engines.registry import ENGINE_NAMES, create_engine
from modules.settings import Settings
from tests.cli.command import models
from tests.colour_model import picture


def blob() -> NDArray[np.float32]:
    image = picture(red=(2, 5), green=(6, 0))
    return np.asarray(cv2.dnn.blobFromImage(image, 1 / 255, swapRB=True))


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_a_converted_network_puts_out_what_the_darknet_model_does(
    colour_model: Path, tmp_path: Path, engine: str
) -> None:
    file = tmp_path / "colours.onnx"

    run = models("convert", colour_model, file)

    assert (run.returncode, run.stdout, run.stderr) == (0, f"{file}\n", "")
    names = [output.name for output in onnx.load(file).graph.output]
    (found,) = create_engine(engine, np.fromfile(file, np.uint8), names).forward(blob())
    detector = load_model(LocalFolder(colour_model), Settings(engine=engine)).detector
    (expected,) = detector.raw_outputs(picture(red=(2, 5), green=(6, 0)))
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_a_network_that_decodes_itself_has_rows_of_boxes(
    colour_model: Path, tmp_path: Path, engine: str
) -> None:
    file = tmp_path / "colours.onnx"

    assert models("convert", colour_model, file, "--decode").returncode == 0

    (boxes,) = create_engine(engine, np.fromfile(file, np.uint8), ["output0"]).forward(blob())
    sure = boxes[0][boxes[0, :, 4] > 0.5]
    assert sure[:, :4].tolist() == [[52, 4, 8, 8], [20, 44, 8, 8]]  # rows of cells, from the top
    assert (sure[:, 5:] > 0.5).tolist() == [[False, True], [True, False]]


def test_it_says_what_its_classes_are_and_how_it_is_fed(colour_model: Path, tmp_path: Path) -> None:
    (colour_model / "colours.names").write_text("it's red\n緑\n")
    cfg = colour_model / "colours.cfg"
    cfg.write_text(cfg.read_text().replace("channels=3", "channels=3\nletter_box=1"))
    file = tmp_path / "colours.onnx"

    models("convert", colour_model, file, "--decode", "--input", "128x64")

    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert ast.literal_eval(said["names"]) == {0: "it's red", 1: "緑"}
    assert (said["task"], said["imgsz"], said["stride"]) == ("detect", "[64, 128]", "8")
    fed = json.loads(said["model.json"])
    assert (fed["resize"], fed["channels"], fed["head"]) == ("letterbox", "rgb", "objectness")
    assert fed["scale"] == pytest.approx(1 / 255)
    shape = [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim]
    assert shape == [1, 3, 64, 128]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ["out.onnx", "--input", "big"],
            "argument --input: 'big' is not a width and height like 640x480",
        ),
        (
            ["out.onnx", "--input", "0x64"],
            "argument --input: '0x64' is not a width and height like 640x480",
        ),
        (["out.pb"], "out.pb: the name of an ONNX file ends in .onnx"),
        (["colours/out.onnx"], "would then hold two models"),
    ],
)
def test_wrong_usage_is_named(
    colour_model: Path, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    run = models("convert", "colours", *arguments, folder=tmp_path)

    assert run.returncode == 2
    assert reason in run.stderr
    assert sorted(path.name for path in tmp_path.rglob("*.onnx")) == []


def test_a_model_that_cannot_be_converted_leaves_what_was_there(
    colour_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.onnx").write_text("before")
    (colour_model / "colours.weights").write_bytes(b"short")

    run = models("convert", colour_model, tmp_path / "out.onnx")

    assert run.returncode == 1
    assert "the weights end after 5 bytes" in run.stderr
    assert (tmp_path / "out.onnx").read_text() == "before"


def test_a_file_that_cannot_be_written_is_named(colour_model: Path, tmp_path: Path) -> None:
    run = models("convert", colour_model, tmp_path / "nowhere" / "out.onnx")

    assert run.returncode == 1
    assert "nowhere" in run.stderr
    assert "Traceback" not in run.stderr
