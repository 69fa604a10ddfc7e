"""Detections with boxes and scores apart, or with more than boxes, equal the projects' own.

Like test_families.py, for the forms of separate_models.py and extended_models.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from modules.object_detection.detector import Detector
from modules.object_detection.model_description import Description
from modules.object_detection.onnx.importer import import_onnx
from tests.object_detection.heads.test_families import CONFIDENCE, ENGINES, NMS, ORT, photo
from tests.object_detection.onnx import extended_models, onnx_oracles, separate_models
from tests.object_detection.onnx import separate_oracles as oracles
from tests.object_detection.onnx.input_forms import with_input
from tests.object_detection.onnx.onnx_models import CLASSES, LABELS
from tests.object_detection.onnx.onnx_oracles import Array, Found

RTM_LAYER = "bbox_head.rtm_cls.0.weight"
TOLERANCES = (0.02, 0.02, 0.02, 0.02, 1e-5, 0)  # of boxes in pixels, confidences, classes


@dataclass(frozen=True)
class Case:
    """A file, how its project feeds it and reads its outputs, and what the user adds to it."""

    onnx: Callable[[], bytes]
    read: Callable[[dict[str, Array]], Found]
    blob: Callable[[], Array]
    others: dict[str, Array] = field(default_factory=dict)
    engines: tuple[str, ...] = ENGINES
    labels: tuple[str, ...] = LABELS
    description: dict[str, Any] = field(default_factory=dict)


def ultralytics() -> Array:
    return onnx_oracles.ultralytics_input(photo())


def nas(boxes: str = "913", scores: str = "904") -> Callable[[dict[str, Array]], Found]:
    return lambda found: oracles.yolo_nas(found[boxes], found[scores], photo(), CONFIDENCE, NMS)


def paddle(*, normalised: bool) -> Callable[[], Array]:
    return lambda: oracles.paddle_input(photo(), normalised=normalised)


def extended(classes: int = CLASSES) -> Callable[[dict[str, Array]], Found]:
    return lambda found: oracles.extended(found["output0"], photo(), CONFIDENCE, NMS, classes)


def extended_list(found: dict[str, Array]) -> Found:
    return oracles.extended_list(found["output0"], photo(), CONFIDENCE)


def mmdeploy(found: dict[str, Array]) -> Found:
    return oracles.mmdeploy(found["dets"], found["labels"], photo(), CONFIDENCE)


def rows(found: dict[str, Array]) -> Found:
    return oracles.paddle(found["multiclass_nms3_0.tmp_0"], CONFIDENCE)


def nanodet(*, plus: bool) -> Callable[[dict[str, Array]], Found]:
    return lambda found: oracles.nanodet(found["output"], photo(), CONFIDENCE, NMS, plus=plus)


def effdet(found: dict[str, Array]) -> Found:
    return oracles.effdet(found["detections"], photo(), CONFIDENCE)


def tensorflow(found: dict[str, Array]) -> Found:
    by_name = {name.removesuffix(":0"): values for name, values in found.items()}
    return oracles.tensorflow(by_name, photo(), CONFIDENCE)


FACTOR = {"scale_factor": oracles.paddle_factor(photo())}
CASES = {
    "yolo-nas": Case(separate_models.yolo_nas, nas(), ultralytics),
    "yolo-nas, scores first": Case(
        lambda: separate_models.yolo_nas(scores_first=True), nas(), ultralytics
    ),
    "yolo-nas, four classes": Case(
        lambda: separate_models.yolo_nas(classes=4), nas(), ultralytics, labels=("a", "b", "c", "d")
    ),
    "yolo-nas, four classes, scores first": Case(
        lambda: separate_models.yolo_nas(classes=4, scores_first=True),
        nas(),
        ultralytics,
        labels=("a", "b", "c", "d"),
    ),
    "yolo-nas, one class": Case(
        lambda: separate_models.yolo_nas(classes=1), nas(), ultralytics, labels=("a",)
    ),
    "yolo-nas, batch format": Case(
        separate_models.yolo_nas_batch,
        lambda found: oracles.yolo_nas_batch(list(found.values()), photo(), CONFIDENCE),
        ultralytics,
        engines=ORT,
    ),
    "yolo-nas of uint8": Case(
        lambda: with_input(separate_models.yolo_nas(), element="uint8"),
        nas(),
        lambda: (ultralytics() * 255).round().astype(np.uint8),
    ),
    "yolo-nas of uint8, batch format": Case(
        lambda: with_input(separate_models.yolo_nas_batch(), element="uint8"),
        lambda found: oracles.yolo_nas_batch(list(found.values()), photo(), CONFIDENCE),
        lambda: (ultralytics() * 255).round().astype(np.uint8),
        engines=ORT,
    ),
    "ppyoloe without suppression": Case(
        lambda: separate_models.yolo_nas(transposed=True),
        lambda found: oracles.per_class_stretched(
            found["913"], found["904"], photo(), CONFIDENCE, NMS
        ),
        paddle(normalised=True),
        description={"family": "ppyoloe"},
    ),
    "rtmdet": Case(
        lambda: separate_models.rtmdet(layer=RTM_LAYER),
        mmdeploy,
        lambda: oracles.rtmdet_input(photo()),
        engines=ORT,
    ),
    "rtmdet, given": Case(
        separate_models.rtmdet,
        mmdeploy,
        lambda: oracles.rtmdet_input(photo()),
        engines=ORT,
        description={"family": "rtmdet"},
    ),
    "rtmdet with masks": Case(
        lambda: separate_models.rtmdet(masks=True, layer=RTM_LAYER),
        mmdeploy,
        lambda: oracles.rtmdet_input(photo()),
        engines=ORT,
    ),
    "yolox by mmdeploy": Case(
        lambda: separate_models.rtmdet(layer="bbox_head.multi_level_conv_cls.0.weight"),
        mmdeploy,
        lambda: onnx_oracles.yolox_input(photo()),
        engines=ORT,
    ),
    "ppyoloe": Case(
        separate_models.ppyoloe,
        rows,
        paddle(normalised=True),
        FACTOR,
        engines=ORT,
        description={"family": "ppyoloe"},
    ),
    "ppyoloe-plus": Case(
        separate_models.ppyoloe,
        rows,
        paddle(normalised=False),
        FACTOR,
        engines=ORT,
        description={"family": "ppyoloe-plus"},
    ),
    "efficientdet": Case(
        separate_models.tensorflow,
        tensorflow,
        lambda: oracles.tensorflow_input(photo()),
        engines=ORT,
    ),
    "efficientdet, graph's names": Case(
        lambda: separate_models.tensorflow(suffix=":0", multiclass=False),
        tensorflow,
        lambda: oracles.tensorflow_input(photo()),
        engines=ORT,
    ),
    "efficientdet of uint8, channels last": Case(
        lambda: with_input(separate_models.tensorflow(), element="uint8", channels_last=True),
        tensorflow,
        lambda: oracles.tensorflow_input(photo()).transpose(0, 2, 3, 1).astype(np.uint8),
        engines=ORT,
    ),
    "effdet": Case(
        separate_models.effdet,
        effdet,
        lambda: oracles.effdet_input(photo(), lite=False),
        engines=ORT,
        description={"family": "effdet"},
    ),
    "effdet-lite": Case(
        separate_models.effdet,
        effdet,
        lambda: oracles.effdet_input(photo(), lite=True),
        engines=ORT,
        description={"family": "effdet-lite"},
    ),
    "nanodet-plus": Case(
        separate_models.nanodet,
        nanodet(plus=True),
        lambda: oracles.nanodet_input(photo(), keep_ratio=False),
    ),
    "nanodet": Case(
        lambda: separate_models.nanodet(plus=False),
        nanodet(plus=False),
        lambda: oracles.nanodet_input(photo(), keep_ratio=True),
        description={"family": "nanodet"},
    ),
    "segment": Case(extended_models.segment, extended(), ultralytics),
    "segment, listed": Case(
        lambda: extended_models.segment(listed=True), extended_list, ultralytics
    ),
    "segment, without metadata": Case(
        lambda: extended_models.segment(metadata={}), extended(), ultralytics
    ),
    "segment, listed, without metadata": Case(
        lambda: extended_models.segment(listed=True, metadata={}), extended_list, ultralytics
    ),
    "yolov5 segment": Case(
        extended_models.yolov5_segment,
        lambda found: onnx_oracles.yolov5(
            found["output0"][..., : 5 + CLASSES], photo(), CONFIDENCE, NMS
        ),
        ultralytics,
    ),
    "yolov7 segment, one class": Case(
        lambda: extended_models.yolov5_segment(classes=1),
        lambda found: onnx_oracles.yolov7(found["output0"][..., :6], photo(), CONFIDENCE, NMS),
        ultralytics,
        labels=("a",),
    ),
    "pose": Case(extended_models.pose, extended(), ultralytics),
    "pose, two numbers": Case(lambda: extended_models.pose(numbers=2), extended(), ultralytics),
    "pose, listed": Case(lambda: extended_models.pose(listed=True), extended_list, ultralytics),
    "pose, without metadata": Case(
        lambda: extended_models.pose(metadata={}), extended(), ultralytics
    ),
    "obb": Case(
        extended_models.obb,
        lambda found: oracles.angled(found["output0"], photo(), CONFIDENCE, NMS, CLASSES),
        ultralytics,
    ),
    "obb, listed": Case(
        lambda: extended_models.obb(listed=True),
        lambda found: oracles.angled_list(found["output0"], photo(), CONFIDENCE),
        ultralytics,
    ),
    "obb, without metadata": Case(
        lambda: extended_models.obb(metadata={}),
        lambda found: oracles.angled(found["output0"], photo(), CONFIDENCE, NMS, CLASSES),
        ultralytics,
    ),
}


@pytest.mark.parametrize(
    ("name", "engine"),
    [(name, engine) for name, case in CASES.items() for engine in case.engines],
)
def test_a_familys_detections_equal_those_of_its_own_project(name: str, engine: str) -> None:
    case = CASES[name]
    data = case.onnx()
    expected = case.read(oracles.run(data, case.blob(), **case.others))

    network, loaded = import_onnx(
        np.frombuffer(data, np.uint8),
        engine=engine,
        labels=case.labels,
        description=Description(**case.description),
    )
    found = Detector(network, engine=loaded).detect(photo(), confidence=CONFIDENCE, nms=NMS)

    boxes = expected.boxes.clip(0, np.tile(photo().shape[1::-1], 2))
    inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    wanted = np.column_stack([boxes, expected.confidences, expected.class_ids])[inside]
    rows = np.column_stack([found.boxes, found.confidences, found.class_ids])
    # cells that are only padding have equal confidences, and come in any order
    same = (np.abs(rows[:, None] - wanted) <= TOLERANCES).all(axis=2)
    assert len(rows) == len(wanted) > 4
    assert (same.sum(axis=0) == 1).all()
    assert (same.sum(axis=1) == 1).all()
    assert (np.diff(found.confidences) <= 0).all()
