"""Exports of real DETR-like architectures give what their project's own post-processor gives."""

import numpy as np
import pytest

from modules.object_detection.detector import Detector
from modules.object_detection.engines.registry import ENGINE_NAMES
from modules.object_detection.model_description import Description
from modules.object_detection.onnx.importer import import_onnx
from tests.object_detection.heads.recorded_exports import CONFIDENCE, picture, read, recorded_names

HEADS = {"detr": "detr-softmax", "yolos": "detr-softmax", "d-fine-n-own-form": "detr-boxes"}
NORMALISED = {"detr", "yolos", "conditional-detr"}


def test_there_are_exports_of_each_family() -> None:
    assert set(recorded_names()) == {
        "rt-detr",
        "rt-detrv2",
        "d-fine-n",
        "d-fine-n-own-form",
        "deimv2-n",
        "detr",
        "conditional-detr",
        "yolos",
    }


@pytest.mark.parametrize("engine", ENGINE_NAMES)
@pytest.mark.parametrize("name", recorded_names())
def test_detections_are_those_of_the_project_on_every_engine(name: str, engine: str) -> None:
    recorded, image = read(name), picture()
    labels = tuple(map(str, range(recorded.names)))

    network, loaded = import_onnx(recorded.onnx, engine=engine, labels=labels)
    found = Detector(network, engine=loaded).detect(image, confidence=CONFIDENCE)

    assert network.head.summary.name == HEADS.get(name, "detr")
    assert network.preprocessing.normalises == (name in NORMALISED)
    height, width = image.shape[:2]
    expected = recorded.rows.copy()
    expected[:, :4] = expected[:, :4].clip(0, [width, height, width, height])
    assert len(found) == len(expected) >= 3
    for row in expected:
        distance = np.abs(found.boxes - row[:4]).max(axis=1)
        same = (distance < 0.5) & (found.class_ids == row[5])
        assert np.abs(found.confidences[same] - row[4]).min() < 0.01


@pytest.mark.parametrize("name", sorted(set(recorded_names()) - {"d-fine-n-own-form"}))
def test_a_head_in_model_json_gives_the_same_detections(name: str) -> None:
    recorded = read(name)
    labels = tuple(map(str, range(recorded.names)))
    description = Description(head=HEADS.get(name, "detr"))

    network, _ = import_onnx(
        recorded.onnx, engine="onnxruntime", labels=labels, description=description
    )

    assert network.evidence == "`head` in model.json"
    assert network.head.classes == recorded.names
