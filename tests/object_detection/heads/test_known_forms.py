"""Which head each exporter's form gets, and what decides; none may ever be read as another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from modules.object_detection.model_description import Description
from modules.object_detection.network import Network
from modules.object_detection.onnx.importer import import_onnx
from tests.object_detection.onnx import onnx_models
from tests.object_detection.onnx.onnx_layers import ANCHORS, CELLS
from tests.object_detection.onnx.onnx_models import LABELS, ultralytics

AT_CELLS = "boxes at their cells"
PER_CELL = "a column for each cell"
FALLING = "whole classes, corners in order and scores that fall"
NMS = {"args": "{'batch': 1, 'nms': True}", "end2end": "False"}


@dataclass(frozen=True)
class Form:
    """A file, the head that it gets, what decides, and the channels of the network's input."""

    onnx: bytes
    head: str
    evidence: str
    channels: str = "rgb"
    labels: tuple[str, ...] = LABELS
    description: dict[str, Any] = field(default_factory=dict)


FORMS = {
    "yolov5": Form(onnx_models.yolov5(), "objectness", AT_CELLS),
    "yolov5, old": Form(onnx_models.yolov5(with_levels=True), "objectness", AT_CELLS),
    "yolov5, one class": Form(
        onnx_models.yolov5(classes=1), "objectness", AT_CELLS, labels=("person",)
    ),
    "yolov7, raw": Form(
        onnx_models.yolov7_raw(),
        "anchors",
        "`anchors` in model.json",
        description={"anchors": ANCHORS},
    ),
    "yolov7, end to end": Form(onnx_models.yolov7_end2end(), "end-to-end", FALLING),
    "yolov7, end to end, score before class": Form(
        onnx_models.yolov7_end2end(("batch", "box", "score", "class")), "end-to-end", FALLING
    ),
    "yolov7, end to end, columns in the name": Form(
        onnx_models.yolov7_end2end(
            ("batch", "class", "score", "box"), name="batchno_classid_score_x1y1x2y2"
        ),
        "end-to-end",
        "the output's name, batchno_classid_score_x1y1x2y2",
    ),
    "yolov6": Form(onnx_models.yolov6(), "objectness", AT_CELLS),
    "yolov8": Form(onnx_models.yolov8(), "classes", "`author` in the metadata"),
    "yolov8, without metadata": Form(onnx_models.yolov8(metadata={}), "classes", PER_CELL),
    "yolov8, any size": Form(
        onnx_models.yolov8(free_size=True), "classes", "`author` in the metadata"
    ),
    "yolov8, with NMS": Form(onnx_models.yolov8_with_nms(), "end-to-end", FALLING),
    "yolov8, with NMS, stated": Form(
        onnx_models.yolov8_with_nms(rows=CELLS, metadata=ultralytics(**NMS)),
        "end-to-end",
        "`nms` in the metadata's `args`",
    ),
    "yolov9, two branches": Form(onnx_models.yolov9_dual(), "classes", PER_CELL),
    "yolov10": Form(onnx_models.yolov10(), "end-to-end", FALLING),
    "yolov10, as many rows as cells": Form(onnx_models.yolov10(rows=CELLS), "end-to-end", FALLING),
    "yolov10, one class, as many rows as cells": Form(
        onnx_models.yolov10(rows=CELLS, classes=1, metadata=ultralytics(names="{0: 'person'}")),
        "end-to-end",
        FALLING,
        labels=("person",),
    ),
    "yolo26, stated": Form(
        onnx_models.yolov10(rows=CELLS, metadata=ultralytics(end2end="True")),
        "end-to-end",
        "`end2end` in the metadata",
    ),
    "yolox": Form(onnx_models.yolox(), "objectness", AT_CELLS, "bgr"),
    "yolox, not decoded": Form(
        onnx_models.yolox(decoded=False), "yolox", "centres relative to their cells", "bgr"
    ),
    "yolo11 for DeepStream": Form(
        onnx_models.deepstream(), "corners", f"whole classes, corners in order and {AT_CELLS}"
    ),
    "yolo11 of one class for DeepStream": Form(
        onnx_models.deepstream(classes=1),
        "corners",
        f"whole classes, corners in order and {AT_CELLS}",
        labels=("person",),
    ),
    "yolov5 for DeepStream": Form(
        onnx_models.deepstream(anchors=True),
        "corners",
        f"whole classes, corners in order and {AT_CELLS}",
    ),
}


def load(form: Form, **description: Any) -> Network:
    network, _ = import_onnx(
        np.frombuffer(form.onnx, np.uint8),
        engine="onnxruntime",
        labels=form.labels,
        description=Description(**form.description, **description),
    )
    return network


@pytest.mark.parametrize("name", FORMS)
def test_each_form_gets_its_head_by_the_strongest_evidence(name: str) -> None:
    form = FORMS[name]

    network = load(form)

    assert network.head.summary.name == form.head
    assert network.evidence == form.evidence
    assert network.preprocessing.channels == form.channels


def test_the_head_in_model_json_is_the_strongest_evidence() -> None:
    network = load(FORMS["yolo26, stated"], head="corners")

    assert network.head.summary.name == "corners"
    assert network.evidence == "`head` in model.json"


def test_metadata_that_the_shape_contradicts_changes_nothing() -> None:
    data = onnx_models.yolov8(metadata=ultralytics(end2end="True"))

    assert load(Form(data, "classes", "")).head.summary.name == "classes"
