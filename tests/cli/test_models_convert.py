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
    """An image with a red and a green cell as the network's input, `(1, 3, 64, 64) float32`."""
    image = picture(red=(2, 5), green=(6, 0))
    return np.asarray(cv2.dnn.blobFromImage(image, 1 / 255, swapRB=True))


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_a_converted_network_has_the_outputs_of_the_darknet_model(
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
def test_a_decoded_network_puts_out_one_row_per_box(
    colour_model: Path, tmp_path: Path, engine: str
) -> None:
    file = tmp_path / "colours.onnx"

    assert models("convert", colour_model, file, "--decode").returncode == 0

    (boxes,) = create_engine(engine, np.fromfile(file, np.uint8), ["output0"]).forward(blob())
    confident = boxes[0][boxes[0, :, 4] > 0.5]
    assert confident[:, :4].tolist() == [
        [52, 4, 8, 8],
        [20, 44, 8, 8],
    ]  # in the order of the cells, row by row
    assert (confident[:, 5:] > 0.5).tolist() == [[False, True], [True, False]]


def test_a_decoded_network_has_its_classes_and_preprocessing_as_metadata(
    colour_model: Path, tmp_path: Path
) -> None:
    (colour_model / "colours.names").write_text("it's red\n緑\n")
    cfg = colour_model / "colours.cfg"
    cfg.write_text(cfg.read_text().replace("channels=3", "channels=3\nletter_box=1"))
    file = tmp_path / "colours.onnx"

    models("convert", colour_model, file, "--decode", "--input", "128x64")

    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert ast.literal_eval(metadata["names"]) == {0: "it's red", 1: "緑"}
    assert (metadata["task"], metadata["imgsz"], metadata["stride"]) == ("detect", "[64, 128]", "8")
    description = json.loads(metadata["model.json"])
    assert (description["resize"], description["channels"], description["head"]) == (
        "letterbox-darknet",
        "rgb",
        "objectness",
    )
    assert description["scale"] == pytest.approx(1 / 255)
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
def test_wrong_usage_is_an_error_with_the_reason(
    colour_model: Path, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    run = models("convert", "colours", *arguments, folder=tmp_path)

    assert run.returncode == 2
    assert reason in run.stderr
    assert sorted(path.name for path in tmp_path.rglob("*.onnx")) == []


def test_a_failed_conversion_leaves_the_old_file(colour_model: Path, tmp_path: Path) -> None:
    (tmp_path / "out.onnx").write_text("before")
    (colour_model / "colours.weights").write_bytes(b"short")

    run = models("convert", colour_model, tmp_path / "out.onnx")

    assert run.returncode == 1
    assert "the weights end after 5 bytes" in run.stderr
    assert (tmp_path / "out.onnx").read_text() == "before"


def test_the_error_names_a_file_that_cannot_be_written(colour_model: Path, tmp_path: Path) -> None:
    run = models("convert", colour_model, tmp_path / "nowhere" / "out.onnx")

    assert run.returncode == 1
    assert "nowhere" in run.stderr
    assert "Traceback" not in run.stderr
