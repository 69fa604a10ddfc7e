"""Detections of each YOLO family equal those of its own project's code.

The networks have the form that the project's own tool exports.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from modules.object_detection.detections import Detections
from modules.object_detection.detector import Detector
from modules.object_detection.model_description import Description
from modules.object_detection.onnx.importer import import_onnx
from tests.object_detection.onnx import onnx_models, onnx_oracles
from tests.object_detection.onnx.onnx_layers import ANCHORS, CELLS
from tests.object_detection.onnx.onnx_models import LABELS, ultralytics
from tests.object_detection.onnx.onnx_oracles import Array, Found

ENGINES = ("opencv", "onnxruntime")
CONFIDENCE = 0.3
NMS = 0.45


def photo() -> NDArray[np.uint8]:
    """Makes a picture of smooth blobs; at half size it fits the input, with 8 rows of padding.

    So no cell is only padding, where all boxes would have the same confidence.
    """
    blobs = np.random.default_rng(5).integers(0, 256, (14, 24, 3)).astype(np.uint8)
    image: NDArray[np.uint8] = cv2.resize(blobs, (192, 112))
    return image


@dataclass(frozen=True)
class Case:
    """A family: its file, how its project reads the outputs, and what the user adds to the file."""

    onnx: Callable[[], bytes]
    outputs: Callable[[list[Array]], Array]
    postprocess: Callable[[Array, NDArray[np.uint8], float, float], Found]
    preprocess: Callable[[NDArray[np.uint8]], Array] = onnx_oracles.ultralytics_input
    engines: tuple[str, ...] = ENGINES
    labels: tuple[str, ...] = LABELS
    description: Description | None = None


def _first(outputs: list[Array]) -> Array:
    return outputs[0]


def _with_a_score_per_class(rows: Array) -> Array:
    """Brings rows of corners, score and class to YOLOv8's columns of centre, size and scores."""
    corners, scores, classes = rows[0, :, :4], rows[0, :, 4:5], rows[0, :, 5:6]
    first, second = corners[:, :2], corners[:, 2:]
    columns = [(first + second) / 2, second - first, scores * (classes == range(len(LABELS)))]
    return np.concatenate(columns, axis=1).T[np.newaxis]


ORT = ("onnxruntime",)
WITH_ANCHORS = Description(anchors=ANCHORS)
FAMILIES = {
    "yolov5": Case(onnx_models.yolov5, _first, onnx_oracles.yolov5),
    "yolov5, old": Case(lambda: onnx_models.yolov5(with_levels=True), _first, onnx_oracles.yolov5),
    "yolov7, one class": Case(
        lambda: onnx_models.yolov5(classes=1), _first, onnx_oracles.yolov7, labels=("person",)
    ),
    "yolov7, raw": Case(
        onnx_models.yolov7_raw,
        onnx_oracles.yolov5_last_step,
        onnx_oracles.yolov7,
        description=WITH_ANCHORS,
    ),
    "yolov7, raw and flat": Case(
        lambda: onnx_models.yolov7_raw(flat=True),
        lambda outputs: onnx_oracles.yolov5_last_step(
            [raw.reshape(1, 3, 8, *raw.shape[2:]).transpose(0, 1, 3, 4, 2) for raw in outputs]
        ),
        onnx_oracles.yolov7,
        description=WITH_ANCHORS,
    ),
    "yolov7, end to end": Case(
        onnx_models.yolov7_end2end, _first, onnx_oracles.yolov7_end_to_end, engines=ORT
    ),
    "yolov6": Case(onnx_models.yolov6, _first, onnx_oracles.yolov5),
    "yolov8": Case(onnx_models.yolov8, _first, onnx_oracles.yolov8),
    "yolov8, any size": Case(
        lambda: onnx_models.yolov8(free_size=True), _first, onnx_oracles.yolov8
    ),
    "yolov8, with NMS": Case(
        onnx_models.yolov8_with_nms, _first, onnx_oracles.end_to_end, engines=ORT
    ),
    "yolov9, two branches": Case(
        onnx_models.yolov9_dual, lambda outputs: outputs[1], onnx_oracles.yolov8
    ),
    "yolov10": Case(onnx_models.yolov10, _first, onnx_oracles.end_to_end),
    "yolov10, as many rows as cells": Case(
        lambda: onnx_models.yolov10(rows=CELLS), _first, onnx_oracles.end_to_end
    ),
    "yolov8, with NMS, as many rows as cells": Case(
        lambda: onnx_models.yolov8_with_nms(
            rows=CELLS, metadata=ultralytics(end2end="False", args="{'nms': True}")
        ),
        _first,
        onnx_oracles.end_to_end,
        engines=ORT,
    ),
    "yolov7, end to end, score before class": Case(
        lambda: onnx_models.yolov7_end2end(("batch", "box", "score", "class")),
        lambda outputs: outputs[0][:, [0, 1, 2, 3, 4, 6, 5]],
        onnx_oracles.yolov7_end_to_end,
        engines=ORT,
    ),
    "yolov7, end to end, box last": Case(
        lambda: onnx_models.yolov7_end2end(("batch", "class", "score", "box")),
        lambda outputs: outputs[0][:, [0, 3, 4, 5, 6, 1, 2]],
        onnx_oracles.yolov7_end_to_end,
        engines=ORT,
    ),
    "yolo11 for DeepStream": Case(
        onnx_models.deepstream,
        lambda outputs: _with_a_score_per_class(outputs[0]),
        onnx_oracles.yolov8,
    ),
    "yolov5 for DeepStream": Case(
        lambda: onnx_models.deepstream(anchors=True),
        lambda outputs: _with_a_score_per_class(outputs[0]),
        onnx_oracles.yolov8,
    ),
    "yolox": Case(onnx_models.yolox, _first, onnx_oracles.yolox, onnx_oracles.yolox_input),
    "yolox, not decoded": Case(
        lambda: onnx_models.yolox(decoded=False),
        lambda outputs: onnx_oracles.demo_postprocess(outputs[0]),
        onnx_oracles.yolox,
        onnx_oracles.yolox_input,
    ),
}


def detect(case: Case, engine: str) -> Detections:
    data = np.frombuffer(case.onnx(), np.uint8)
    network, loaded = import_onnx(
        data, engine=engine, labels=case.labels, description=case.description
    )
    return Detector(network, engine=loaded).detect(photo(), confidence=CONFIDENCE, nms=NMS)


@pytest.mark.parametrize(
    ("name", "engine"),
    [(name, engine) for name, case in FAMILIES.items() for engine in case.engines],
)
def test_a_familys_detections_equal_those_of_its_own_project(name: str, engine: str) -> None:
    case = FAMILIES[name]
    expected = case.postprocess(
        case.outputs(onnx_oracles.run(case.onnx(), case.preprocess(photo()))),
        photo(),
        CONFIDENCE,
        NMS,
    )

    found = detect(case, engine)

    # boxes that are only in the padding are dropped here; the projects clip them to an area of 0
    (inside,) = np.nonzero((expected.boxes[:, 2:] > expected.boxes[:, :2]).all(axis=1))
    order = inside[np.argsort(-expected.confidences[inside], kind="stable")]
    assert len(found) == len(order) > 4
    np.testing.assert_allclose(found.confidences, expected.confidences[order], atol=1e-5)
    np.testing.assert_array_equal(found.class_ids, expected.class_ids[order])
    np.testing.assert_allclose(found.boxes, expected.boxes[order], atol=1e-2)
