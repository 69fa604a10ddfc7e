"""ENGINE=auto: OpenCV wherever it runs the network, or else ONNX Runtime."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime.transformers.float16 import convert_float_to_float16

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import ModelError
from modules.features.loader import load_feature_model
from modules.models.folder import LocalFolder
from modules.models.loader import Model, load_model
from modules.settings import Settings
from tests.cli.command import models
from tests.conftest import ROOT
from tests.models.test_loader_onnx import crashing
from tests.object_detection.onnx import onnx_models
from tests.object_detection.onnx.quantised import quantised

IMAGE = np.random.default_rng(1).integers(0, 256, (64, 96, 3)).astype(np.uint8)


def half() -> bytes:
    """A network in half precision, which OpenCV does not run."""
    model = convert_float_to_float16(onnx.load_from_string(onnx_models.yolov8()))
    return bytes(model.SerializeToString())


# Networks that only ONNX Runtime runs, and why OpenCV does not
ONLY_ONNX_RUNTIME = {
    "half precision": (half, "its weights have half precision"),
    "NMS inside": (onnx_models.yolov7_end2end, "it holds NonMaxSuppression, on which the engine"),
    "int8, QDQ": (lambda: quantised(onnx_models.yolov8(), "QDQ"), "it computes with integers of 8"),
    "int8, QOperator": (
        lambda: quantised(onnx_models.yolov8(), "QOperator"),
        "it computes with integers of 8",
    ),
    "quantised for each image": (
        lambda: quantised(onnx_models.yolov8(), "dynamic"),
        "it computes with integers of 8",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "blobs"
    folder.mkdir()
    (folder / "blobs.names").write_text("person\ndog\nbicycle\n")
    (folder / "best.onnx").write_bytes(onnx_models.yolov8())
    return folder


def load(folder: Path, engine: str = "auto") -> Model:
    return load_model(LocalFolder(folder), Settings(engine=engine))


@pytest.fixture
def without_onnx_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)


def test_auto_is_the_default() -> None:
    assert Settings().engine == "auto"


def test_opencv_is_taken_where_it_runs_the_network(folder: Path) -> None:
    assert load(folder).engine == "opencv"


def test_onnx_runtime_is_not_imported_where_opencv_runs_the_network(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from modules.models.folder import LocalFolder; "
        "from modules.models.loader import load_model; from modules.settings import Settings; "
        "load_model(LocalFolder(Path(sys.argv[1])), Settings()); "
        "sys.exit('onnxruntime' in sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, check=True)


def test_a_darknet_network_runs_in_opencv(colour_model: Path) -> None:
    assert load(colour_model).engine == "opencv"


@pytest.mark.parametrize("kind", ONLY_ONNX_RUNTIME)
def test_onnx_runtime_is_taken_where_opencv_does_not_run_the_network(
    folder: Path, kind: str
) -> None:
    make, _ = ONLY_ONNX_RUNTIME[kind]
    (folder / "best.onnx").write_bytes(make())

    found = load(folder)

    assert found.engine == "onnxruntime"
    expected = load(folder, "onnxruntime").detector.detect(IMAGE, confidence=0.3)
    np.testing.assert_array_equal(
        found.detector.detect(IMAGE, confidence=0.3).boxes, expected.boxes
    )


@pytest.mark.parametrize("kind", ONLY_ONNX_RUNTIME)
def test_without_onnx_runtime_the_error_says_how_to_get_it(
    folder: Path, kind: str, without_onnx_runtime: None
) -> None:
    make, reason = ONLY_ONNX_RUNTIME[kind]
    (folder / "best.onnx").write_bytes(make())

    with pytest.raises(ModelError) as error:
        load(folder)

    assert f"best.onnx: {reason}" in str(error.value)
    assert str(error.value).endswith(
        "; ENGINE=onnxruntime may run it, but the package onnxruntime is not installed: "
        "install it, or deploy the function with its layer (--param engine=onnxruntime)"
    )


@pytest.mark.parametrize("kind", ONLY_ONNX_RUNTIME)
def test_with_opencv_the_error_names_the_other_engine(folder: Path, kind: str) -> None:
    make, reason = ONLY_ONNX_RUNTIME[kind]
    (folder / "best.onnx").write_bytes(make())

    with pytest.raises(ModelError, match=rf"{reason}.*; ENGINE=onnxruntime may run it$"):
        load(folder, "opencv")


def test_if_no_engine_runs_it_both_reasons_are_given(folder: Path) -> None:
    model = onnx.load_from_string(half())
    model.graph.node[0].op_type = "Unknown"
    (folder / "best.onnx").write_bytes(model.SerializeToString())

    with pytest.raises(
        ModelError, match=r"no engine runs it: its weights .*; ONNX Runtime cannot load .*Unknown"
    ):
        load(folder)


def test_a_file_that_crashes_opencv_is_not_given_to_another_engine(folder: Path) -> None:
    (folder / "best.onnx").write_bytes(crashing(onnx_models.yolov8()))

    with pytest.raises(ModelError, match=r"OpenCV crashes on it .* ENGINE=onnxruntime may run it"):
        load(folder)


def test_another_fault_of_a_model_is_reported_once(folder: Path) -> None:
    (folder / "best.onnx").write_bytes(half())
    (folder / "blobs.names").write_text("person\ndog\n")

    with pytest.raises(ModelError) as error:
        load(folder)

    assert str(error.value).count("class") == 1
    assert "precision" not in str(error.value)


def test_features_choose_their_engine_in_the_same_way(folder: Path) -> None:
    data = onnx_models.yolov7_end2end()
    (folder / "best.onnx").write_bytes(data)
    nodes = onnx.load_from_string(data).graph.node
    layer = next(node.output[0] for node in nodes if node.op_type == "Tanh")

    model = load_feature_model(LocalFolder(folder), "auto", layer=layer, size=(96, 64))

    assert model.engine == "opencv"  # the layer does not need the suppression
    np.testing.assert_allclose(
        model.extractor.extract(IMAGE),
        load_feature_model(
            LocalFolder(folder), "onnxruntime", layer=layer, size=(96, 64)
        ).extractor.extract(IMAGE),
        atol=1e-5,
    )


def test_inspect_shows_the_engine_that_was_taken(folder: Path) -> None:
    (folder / "best.onnx").write_bytes(half())

    shown = models("inspect", folder, "--json")

    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["footprint"]["engine"] == "onnxruntime"


def test_push_says_which_engine_a_function_needs(folder: Path, bucket: LocalBucket) -> None:
    (folder / "best.onnx").write_bytes(half())

    pushed = models("push", folder, f"s3://{BUCKET}/models/")
    refused = models("push", folder, f"s3://{BUCKET}/models/", environment={"ENGINE": "opencv"})

    assert pushed.returncode == 0
    assert "onnxruntime runs it; a function needs --param engine=onnxruntime" in pushed.stderr
    assert refused.returncode == 1
    assert "ENGINE=onnxruntime may run it" in refused.stderr
