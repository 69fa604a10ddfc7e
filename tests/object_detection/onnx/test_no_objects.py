"""An image without objects gives an empty result, however a network writes that there are none."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from modules.errors import ModelError
from modules.object_detection.detector import Detector
from modules.object_detection.engines.registry import ENGINE_NAMES
from modules.object_detection.onnx.importer import import_onnx
from tests.object_detection.onnx import onnx_models, separate_models
from tests.object_detection.onnx.onnx_layers import CELLS
from tests.object_detection.onnx.onnx_models import LABELS, constant_outputs, ultralytics
from tests.object_detection.onnx.test_image_input import IMAGE

BLACK = np.zeros((64, 96, 3), np.uint8)
# Networks with suppression inside, by the shape of what they return if there is nothing
NMS_INSIDE: dict[str, Callable[[], bytes]] = {
    "[0, 7]": onnx_models.yolov7_end2end,
    "[1, 40, 6] of zeros": onnx_models.yolov8_with_nms,
    "a number of 0": separate_models.yolo_nas_batch,
    "[1, 0, 4] and [1, 0]": separate_models.tensorflow,
    "[1, 0, 5] and [1, 0]": lambda: separate_models.rtmdet(layer="bbox_head.rtm_cls.0.weight"),
}


def load(data: bytes, engine: str, labels: tuple[str, ...] = LABELS) -> Detector:
    network, loaded = import_onnx(np.frombuffer(data, np.uint8), engine=engine, labels=labels)
    return Detector(network, engine=loaded)


def with_threshold(data: bytes, threshold: float) -> bytes:
    """Returns a network whose suppression drops scores up to `threshold`."""
    model = onnx.load_from_string(data)
    (name,) = (node.input[4] for node in model.graph.node if node.op_type == "NonMaxSuppression")
    for weight in model.graph.initializer:
        if weight.name == name:
            weight.CopyFrom(numpy_helper.from_array(np.array([threshold], np.float32), name))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("form", NMS_INSIDE)
def test_a_network_that_suppresses_boxes_itself_may_find_none(form: str) -> None:
    data = NMS_INSIDE[form]()
    everything = load(with_threshold(data, 0.01), "onnxruntime")
    scores = [everything.detect(image, confidence=0).confidences.max() for image in (BLACK, IMAGE)]
    assert scores[0] < scores[1]

    detector = load(with_threshold(data, float(np.mean(scores))), "onnxruntime")

    for confidence in (0.0, 0.5):
        found = detector.detect(BLACK, confidence=confidence)
        assert (found.boxes.shape, len(found)) == ((0, 4), 0)
    assert len(detector.detect(IMAGE, confidence=0)) > 0


@pytest.mark.parametrize("form", NMS_INSIDE)
def test_a_network_that_never_finds_anything_is_read_nevertheless(form: str) -> None:
    detector = load(with_threshold(NMS_INSIDE[form](), 2), "onnxruntime")

    assert len(detector.detect(IMAGE, confidence=0)) == 0


@pytest.mark.parametrize("engine", ENGINE_NAMES)
@pytest.mark.parametrize("shape", [(20, 7), (1, 20, 6), (1, 300, 6)])
def test_rows_of_zeros_are_no_objects(shape: tuple[int, ...], engine: str) -> None:
    detector = load(constant_outputs(np.zeros(shape)), engine)

    assert len(detector.detect(IMAGE, confidence=0)) == 0


@pytest.mark.parametrize("engine", ENGINE_NAMES)
@pytest.mark.parametrize("rows", [40, CELLS])
def test_the_best_rows_may_all_be_below_the_confidence(rows: int, engine: str) -> None:
    detector = load(onnx_models.yolov10(rows=rows, metadata=ultralytics(end2end="True")), engine)

    assert len(detector.detect(IMAGE, confidence=0.25)) > 0
    assert len(detector.detect(IMAGE, confidence=0.9999)) == 0


@pytest.mark.parametrize("metadata", [{}, ultralytics(), {"end2end": "False"}])
@pytest.mark.parametrize("shape", [(0, 7), (1, 0, 6)])
@pytest.mark.parametrize("labels", [LABELS[:1], LABELS[:2], LABELS])
def test_a_list_without_rows_is_no_network_with_queries(
    shape: tuple[int, ...], labels: tuple[str, ...], metadata: dict[str, str]
) -> None:
    if "names" in metadata:
        metadata = metadata | {"names": str(dict(enumerate(labels)))}
    data = constant_outputs(np.zeros(shape), metadata=metadata)

    network, engine = import_onnx(
        np.frombuffer(data, np.uint8), engine="onnxruntime", labels=labels
    )

    assert network.head.summary.name == "end-to-end"
    assert len(Detector(network, engine=engine).detect(IMAGE)) == 0


@pytest.mark.parametrize("shape", [(0, 7), (1, 0, 6)])
def test_opencv_which_knows_no_empty_values_names_the_other_engine(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"OpenCV cannot run .*; ENGINE=onnxruntime may run it$"):
        load(constant_outputs(np.zeros(shape)), "opencv")
