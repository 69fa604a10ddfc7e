"""`models quantize`: a network in int8 is written only if it is worth having."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from demo.market.scenes import HELD_OUT_SEED, render_scene
from modules.cli import main
from modules.cli.models.quantize.graph import float_layers
from modules.cli.models.quantize.trial import Score, Times, lost, slower
from modules.errors import ModelError
from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.settings import Settings
from tests.cli.command import models
from tests.colour_model import SIZE, picture
from tests.conftest import ROOT

FRUITS = ROOT / "demo" / "fruits"
PICTURES = 16
# The colours pass through a layer beside a value of a million, the range of which is all that
# integers of 8 bits can show
LOSSY_CFG = f"""\
[net]
width={SIZE}
height={SIZE}
channels=3

[maxpool]
size=8
stride=8
padding=0

[convolutional]
filters=4
size=1
activation=linear

[convolutional]
filters=3
size=1
activation=linear

[convolutional]
filters=7
size=1
activation=linear

[yolo]
mask=0
anchors=8,8
num=1
classes=2
"""


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `images` of market scenes, and their `labels`."""
    folder = tmp_path_factory.mktemp("market")
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    for number in range(PICTURES):
        scene = render_scene(HELD_OUT_SEED, number, (320, 240))
        cv2.imwrite(str(folder / "images" / f"{number}.png"), scene.pixels)
        lines = []
        for label in scene.labels:
            left, top, right, bottom = label.box
            centre = (left + right) / 640, (top + bottom) / 480
            lines.append(
                f"{label.class_id} {centre[0]} {centre[1]} "
                f"{(right - left) / 320} {(bottom - top) / 240}\n"
            )
        (folder / "labels" / f"{number}.txt").write_text("".join(lines))
    return folder


@pytest.fixture
def lossy_model(tmp_path: Path) -> Path:
    """A model whose network in int8 finds nothing."""
    folder = tmp_path / "lossy"
    folder.mkdir()
    wide = np.vstack([np.eye(3), np.zeros(3)])
    narrow = np.hstack([np.eye(3), np.zeros((3, 1))])
    colours = np.zeros((7, 3))
    colours[4:] = [[20, 20, -40], [20, -20, 0], [-20, 20, 0]]
    head_bias = [0, 0, 0, 0, -10, 0, 0]
    values: list[Any] = [
        [0, 0, 0, 1e6],
        wide.ravel(),
        [0] * 3,
        narrow.ravel(),
        head_bias,
        colours.ravel(),
    ]
    header = np.array([0, 2, 0, 0, 0], "<i4").tobytes()
    (folder / "lossy.cfg").write_text(LOSSY_CFG)
    (folder / "lossy.weights").write_bytes(header + np.concatenate(values).astype("<f4").tobytes())
    (folder / "lossy.names").write_text("red\ngreen\n")
    return folder


def squares(folder: Path, count: int) -> Path:
    """Writes pictures with a red and a green square."""
    folder.mkdir()
    for number in range(count):
        cells = picture(red=(number % 8, 1), green=(7 - number % 8, 5))
        cv2.imwrite(str(folder / f"{number}.png"), cells)
    return folder


@pytest.mark.parametrize("form", ["darknet", "onnx"])
def test_a_quantised_model_finds_the_same_with_a_third_of_the_bytes(
    form: str, market: Path, tmp_path: Path
) -> None:
    source, out = tmp_path / "fruits", tmp_path / "int8"
    if form == "darknet":
        shutil.copytree(FRUITS, source)
        against = ["--labels", market / "labels"]
    else:  # its names and preprocessing are in its metadata
        source.mkdir()
        assert models("convert", FRUITS, source / "fruits.onnx", "--decode").returncode == 0
        against = []
    (source / "LICENSE").write_text("free")

    run = models(
        "quantize", source, out, "--images", market / "images", *against, "--allow-slower", "--json"
    )

    assert (run.returncode, run.stderr) == (0, "")
    report = json.loads(run.stdout)
    assert (report["written"], report["out"], report["reasons"]) == (True, str(out), [])
    assert report["convolutions"] == {"int8": 21, "all": 24}  # not the first one and two heads
    assert report["bytes"]["int8"] == (out / "fruits.onnx").stat().st_size
    assert report["bytes"]["int8"] < 0.35 * report["bytes"]["float"]
    measured = ("labels", "map50_95") if against else ("the network in float", "map50")
    assert report["measured_against"] == measured[0]
    score = report[measured[1]]
    assert score["int8"] >= score["float"] - 0.01
    assert score["float"] > 0.6 if against else score["float"] == 1
    assert (report["pictures_for_ranges"], report["pictures_measured"]) == (4, 12)
    others = {"LICENSE", "fruits.names"} if against else {"LICENSE"}
    assert {path.name for path in out.iterdir()} == {"fruits.onnx", *others}
    assert {path.name for path in tmp_path.iterdir()} == {"fruits", "int8"}
    scene = cv2.imread(str(market / "images" / "0.png"))
    assert scene is not None
    (before, _), (after, engine) = (
        (model.detector.detect(np.asarray(scene, np.uint8)), model.engine)
        for model in (load_model(LocalFolder(path), Settings()) for path in (FRUITS, out))
    )
    assert engine == "onnxruntime"
    sure = Counter(before.class_ids[before.confidences > 0.7].tolist())
    assert sure.total() > 3
    assert not sure - Counter(after.class_ids.tolist())


def test_a_network_that_loses_its_accuracy_is_not_written(
    lossy_model: Path, tmp_path: Path
) -> None:
    images = squares(tmp_path / "images", 8)

    run = models(
        "quantize", lossy_model, tmp_path / "out", "--images", images, "--allow-slower", "--json"
    )

    assert run.returncode == 1
    assert "out is not written: its agreement with the network in float (mAP@0.5) is" in run.stderr
    report = json.loads(run.stdout)
    assert (report["written"], report["out"]) == (False, None)
    assert report["map50"]["float"] == 1
    assert report["map50"]["int8"] < 0.5
    assert report["ranges"] == "Percentile"  # after the first way
    assert {path.name for path in tmp_path.iterdir()} == {"lossy", "images"}


def test_a_network_of_one_layer_has_nothing_to_quantise(colour_model: Path, tmp_path: Path) -> None:
    images = squares(tmp_path / "images", 8)

    run = models("quantize", colour_model, tmp_path / "out", "--images", images)

    assert run.returncode == 1
    assert "has nothing to quantise: no convolution lies between the first one and" in run.stderr
    assert not (tmp_path / "out").exists()


def test_pictures_without_objects_cannot_show_what_is_lost(
    lossy_model: Path, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for number in range(8):
        cv2.imwrite(str(images / f"{number}.png"), np.full((64, 64, 3), number, np.uint8))

    run = models("quantize", lossy_model, tmp_path / "out", "--images", images)

    assert run.returncode == 2
    assert "the network finds nothing in 6 pictures" in run.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("out", "options", "reason"),
    [
        ("images", [], "images exists already; name a new folder"),
        ("lossy/int8", [], "is inside the model's folder; choose another"),
        ("out", ["--labels", "nowhere"], "nowhere: there is no such folder of labels"),
        ("out", [], "there are 7 pictures in images; 8 or more are needed"),
    ],
)
def test_wrong_usage_is_an_error_with_the_reason(
    lossy_model: Path, tmp_path: Path, out: str, options: list[str], reason: str
) -> None:
    squares(tmp_path / "images", 8 if options else 7)

    run = models("quantize", "lossy", out, "--images", "images", *options, folder=tmp_path)

    assert run.returncode == 2
    assert reason in run.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"lossy", "images"}
    assert len(list(lossy_model.iterdir())) == 3


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "pycocotools"])
def test_a_missing_package_is_named(
    package: str,
    lossy_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else found(name)
    )
    images = squares(tmp_path / "images", 8)

    arguments = ["models", "quantize", lossy_model, tmp_path / "out", "--images", images]
    assert main([str(argument) for argument in arguments]) == 2

    error = capsys.readouterr().err
    assert f"needs {package}, which is not installed; `make setup` installs it" in error


def test_accuracy_may_fall_by_a_hundredth() -> None:
    before = Score(map50=1.0, map50_95=0.5)

    assert lost(before, Score(0.8, 0.4901), labels=True) == []
    assert lost(before, Score(0.9901, 0.1), labels=False) == []
    (reason,) = lost(before, Score(1.0, 0.4899), labels=True)
    assert reason == "its mAP@0.5:0.95 is 0.4899 instead of 0.5000; it may lose 0.01"
    (reason,) = lost(before, Score(0.9899, 0.5), labels=False)
    assert "agreement with the network in float (mAP@0.5) is 0.9899" in reason


@pytest.mark.parametrize(("onnxruntime", "opencv"), [(10.0, 20.0), (20.0, 10.0), (10.0, None)])
def test_a_network_must_be_faster_than_either_engine_in_float(
    onnxruntime: float, opencv: float | None
) -> None:
    assert slower(Times(9.4, onnxruntime, opencv)) == []
    (reason,) = slower(Times(9.6, onnxruntime, opencv))
    assert reason.startswith("it is not faster here: 9.60 ms instead of 10.00")


def test_the_weighted_sum_of_box_distances_belongs_to_the_head() -> None:
    """YOLOv8's last convolution sums 16 distances; the head begins at the one before."""
    kernels = {"stem": (8, 3), "middle": (8, 8), "predict": (64, 8), "sum": (1, 16)}
    nodes = [
        helper.make_node("Conv", ["images", "stem"], ["a"], name="stem"),
        helper.make_node("Conv", ["a", "middle"], ["b"], name="middle"),
        helper.make_node("Conv", ["b", "predict"], ["c"], name="predict"),
        helper.make_node("Reshape", ["c", "shape"], ["d"], name="reshape"),
        helper.make_node("Softmax", ["d"], ["e"], name="softmax", axis=1),
        helper.make_node("Conv", ["e", "sum"], ["output"], name="sum"),
    ]
    weights = [
        helper.make_tensor(name, TensorProto.FLOAT, (*shape, 1, 1), np.zeros(np.prod(shape)))
        for name, shape in kernels.items()
    ]
    weights.append(helper.make_tensor("shape", TensorProto.INT64, [4], [1, 16, 4, 100]))
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 10, 10])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 4, 100])],
        weights,
    )
    model = onnx.shape_inference.infer_shapes(helper.make_model(graph))

    kept, left, total = float_layers(model, "images")

    assert kept == {"stem", "predict", "reshape", "softmax", "sum"}
    assert (left, total) == (1, 4)


def test_a_quantised_network_is_not_quantised_again(market: Path, tmp_path: Path) -> None:
    folder = tmp_path / "int8"
    folder.mkdir()
    assert models("convert", FRUITS, tmp_path / "float.onnx", "--decode").returncode == 0
    model = onnx.load(tmp_path / "float.onnx")
    model.graph.node.extend(
        [helper.make_node("QuantizeLinear", [model.graph.input[0].name, "one", "zero"], ["unused"])]
    )
    model.graph.initializer.extend(
        [
            helper.make_tensor("one", TensorProto.FLOAT, [], [1]),
            helper.make_tensor("zero", TensorProto.UINT8, [], [0]),
        ]
    )
    onnx.save(model, folder / "fruits.onnx")

    run = models("quantize", folder, tmp_path / "out", "--images", market / "images")

    assert run.returncode == 1
    assert "fruits.onnx is quantised already: it has QuantizeLinear" in run.stderr
    with pytest.raises(ModelError, match="ENGINE=onnxruntime"):
        load_model(LocalFolder(folder), Settings(engine="opencv"))
