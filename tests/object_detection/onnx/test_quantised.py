"""Networks of int8: run by ONNX Runtime, refused by OpenCV, which computes them wrongly."""

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from modules.errors import EngineError
from modules.features.from_onnx import import_onnx_features
from modules.object_detection.detections import Detections
from modules.object_detection.engines.registry import ENGINE_NAMES
from tests.object_detection.onnx import onnx_models
from tests.object_detection.onnx.onnx_layers import SIZE
from tests.object_detection.onnx.quantised import FORMATS, quantised, with_int8_weights
from tests.object_detection.onnx.test_image_input import assert_close, detect, load

FORMS = [*FORMATS, "dynamic"]


def best_overlaps(found: Detections, others: Detections) -> NDArray[np.float32]:
    """Returns each box's highest intersection over union with a box of the same class."""
    a, b = found.boxes[:, np.newaxis], others.boxes[np.newaxis]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    inside = np.clip(sides, 0, None).prod(axis=2)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(axis=2) for boxes in (a, b)]
    overlaps = inside / (areas[0] + areas[1] - inside)
    same = found.class_ids[:, np.newaxis] == others.class_ids[np.newaxis]
    best: NDArray[np.float32] = np.where(same, overlaps, 0).max(axis=1)
    return best


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["yolov8", "yolov5", "yolov10"])
def test_onnx_runtime_finds_nearly_what_the_network_of_float32_finds(name: str, form: str) -> None:
    data = getattr(onnx_models, name)()

    found = detect(quantised(data, form), "onnxruntime")

    expected = detect(data, "onnxruntime")
    assert abs(len(found) - len(expected)) <= 0.1 * len(expected)
    overlaps = best_overlaps(expected, found)
    assert np.median(overlaps) > 0.95
    assert np.mean(overlaps > 0.7) > 0.9


@pytest.mark.parametrize("form", FORMATS)
def test_onnx_runtime_computes_what_the_formulas_of_onnx_say(form: str) -> None:
    data = quantised(onnx_models.yolov8(), form)
    image = np.random.default_rng(3).random((1, 3, SIZE[1], SIZE[0])).astype(np.float32)
    model = onnx.load_from_string(data)
    model.opset_import[0].version = 19  # the first whose DequantizeLinear the evaluator has

    _, detector = load(data, "onnxruntime")

    expected: NDArray[np.float32]
    (expected,) = ReferenceEvaluator(model).run(None, {"images": image})  # type: ignore[assignment]
    (found,) = detector._engine.forward(image)
    np.testing.assert_allclose(found, expected, atol=0.5)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("signed", [True, False], ids=["int8", "uint8"])
def test_opencv_is_refused_by_name(form: str, signed: bool) -> None:
    data = quantised(onnx_models.yolov8(), form, signed=signed)

    with pytest.raises(
        EngineError,
        match=r"it computes with integers of 8 bits \(.*QuantizeLinear.*\), which the engine "
        r"opencv gets wrong for some sizes; .*; ENGINE=onnxruntime may run it$",
    ):
        load(data, "opencv")


@pytest.mark.parametrize("form", FORMS)
def test_opencv_is_refused_for_features_too(form: str) -> None:
    data = np.frombuffer(quantised(onnx_models.yolov8(), form), np.uint8)
    layer = next(
        node.output[0]
        for node in onnx.load_from_string(bytes(data)).graph.node
        if node.op_type == "Tanh"
    )

    with pytest.raises(EngineError, match="it computes with integers of 8 bits"):
        import_onnx_features(data, engine="opencv", layer=layer)

    assert import_onnx_features(data, engine="onnxruntime", layer=layer)


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_weights_of_int8_alone_run_in_every_engine(engine: str) -> None:
    data, same = with_int8_weights(onnx_models.yolov8())

    assert_close(detect(data, engine), detect(same, engine))


def test_opencv_computes_such_networks_wrongly() -> None:
    """The reason for the refusal. If this fails after an update, OpenCV may be allowed."""
    data = quantised(onnx_models.yolov8(), "QDQ")
    image = np.random.default_rng(3).random((1, 3, SIZE[1], SIZE[0])).astype(np.float32)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    network = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
    network.setInput(image)

    (right,), wrong = session.run(None, {"images": image}), network.forward()

    off = np.abs(right - wrong).max(axis=1)[0]
    assert off[: 8 * 12 + 4 * 6].max() < 0.01  # of cells of 8 and 16 pixels
    assert off[-2 * 3 :].max() > 10  # of the 2 x 3 cells of 32 pixels
