"""Small networks in every form that was known before boxes and scores could lie apart.

    python -m tests.object_detection.heads.earlier_forms

prints how the code on the Python path reads them, as `earlier_forms.json` has it. That file was
recorded with commit aac52a8. It stays as it is: what was read then must be read the same way now.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from modules.object_detection.darknet import import_darknet
from modules.object_detection.detector import Detector
from modules.object_detection.model_description import parse_description
from modules.object_detection.network import Network
from modules.object_detection.onnx.importer import import_onnx
from tests.object_detection.darknet.random_models import random_weights
from tests.object_detection.heads.earlier_networks import (
    BOX,
    REGION,
    TREE,
    TREE_OPTION,
    YOLO,
    columns_at_cells,
    converted,
    darknet,
    found_in_noise_only,
    half_precision,
    labels,
    objects,
    rows_at_cells,
)
from tests.object_detection.onnx import onnx_models
from tests.object_detection.onnx.onnx_layers import ANCHORS, CELLS
from tests.object_detection.onnx.onnx_models import LABELS, constant_outputs, ultralytics

_NMS = 0.45
_SHOWN = 3  # detections of each form that are recorded in full


@dataclass(frozen=True)
class OnnxForm:
    """An ONNX file and what the user adds to it: class names, and the keys of a model.json."""

    onnx: Callable[[], bytes]
    labels: tuple[str, ...] | None = LABELS
    description: dict[str, Any] = field(default_factory=dict)
    confidence: float = 0.3

    def load(self) -> Network:
        """Imports the file with ONNX Runtime."""
        network, _ = import_onnx(
            np.frombuffer(self.onnx(), np.uint8),
            engine="onnxruntime",
            labels=self.labels,
            description=parse_description(json.dumps(self.description)),
        )
        return network


@dataclass(frozen=True)
class DarknetForm:
    """A Darknet network with random weights."""

    cfg: str
    tree: str | None = None
    confidence: float = 0.05

    def load(self) -> Network:
        """Imports the network."""
        weights = random_weights(self.cfg.replace(TREE_OPTION, ""))
        return import_darknet(self.cfg, io.BytesIO(weights), tree=self.tree)


def photo() -> NDArray[np.uint8]:
    """Makes a picture of smooth blobs, 192 x 112."""
    blobs = np.random.default_rng(5).integers(0, 256, (14, 24, 3)).astype(np.uint8)
    image: NDArray[np.uint8] = cv2.resize(blobs, (192, 112))
    return image


def read(form: OnnxForm | DarknetForm) -> dict[str, Any]:
    """Returns how a form is read: its head, its preprocessing, and what is found in the photo."""
    network = form.load()
    found = Detector(network, engine="onnxruntime").detect(
        photo(), confidence=form.confidence, nms=_NMS
    )
    steps = network.preprocessing
    return {
        "head": network.head.summary.name,
        "family": network.head.summary.family,
        "suppressed": network.head.suppressed,
        "classes": network.classes,
        "outputs": list(network.outputs),
        "evidence": network.evidence,
        "input": list(network.input_size),
        "preprocessing": [steps.resize, steps.channels, steps.padding, steps.scale],
        "normalised": [list(steps.mean), list(steps.std)],
        "count": len(found),
        "sum": round(float(found.confidences.sum()), 3),
        "first": [
            [int(class_id), round(float(confidence), 4), *(round(float(side), 2) for side in box)]
            for class_id, confidence, box in zip(
                found.class_ids[:_SHOWN],
                found.confidences[:_SHOWN],
                found.boxes[:_SHOWN],
                strict=True,
            )
        ],
    }


_NMS_STATED = {"args": "{'batch': 1, 'nms': True}", "end2end": "False"}
_RAW_STATED = {"args": "{'batch': 1, 'nms': False}", "end2end": "False"}
_TINY, _USUAL, _P2, _P6 = (16, 32), (8, 16, 32), (4, 8, 16, 32), (8, 16, 32, 64)
_SQUARE = (128, 128)

FORMS: dict[str, OnnxForm | DarknetForm] = {
    "yolov5": OnnxForm(onnx_models.yolov5),
    "yolov5, names of the file": OnnxForm(onnx_models.yolov5, None),
    "yolov5, old": OnnxForm(lambda: onnx_models.yolov5(with_levels=True)),
    "yolov5, one class": OnnxForm(lambda: onnx_models.yolov5(classes=1), ("person",)),
    "yolov5, one class, head named": OnnxForm(
        lambda: onnx_models.yolov5(classes=1), ("person",), {"head": "objectness"}
    ),
    "yolov5, two classes": OnnxForm(lambda: onnx_models.yolov5(classes=2), LABELS[:2]),
    "yolov7, raw": OnnxForm(onnx_models.yolov7_raw, description={"anchors": ANCHORS}),
    "yolov7, raw and flat": OnnxForm(
        lambda: onnx_models.yolov7_raw(flat=True), description={"anchors": ANCHORS}
    ),
    "yolov7, end to end": OnnxForm(onnx_models.yolov7_end2end),
    "yolov7, end to end, score before class": OnnxForm(
        lambda: onnx_models.yolov7_end2end(("batch", "box", "score", "class"))
    ),
    "yolov7, end to end, box last": OnnxForm(
        lambda: onnx_models.yolov7_end2end(("batch", "class", "score", "box"))
    ),
    "yolov7, end to end, columns in the name": OnnxForm(
        lambda: onnx_models.yolov7_end2end(
            ("batch", "class", "score", "box"), name="batchno_classid_score_x1y1x2y2"
        )
    ),
    "yolov6": OnnxForm(onnx_models.yolov6),
    "yolov8": OnnxForm(onnx_models.yolov8),
    "yolov8, without metadata": OnnxForm(lambda: onnx_models.yolov8(metadata={})),
    "yolov8, any size": OnnxForm(lambda: onnx_models.yolov8(free_size=True)),
    "yolov8, any size, given": OnnxForm(
        lambda: onnx_models.yolov8(free_size=True, metadata={}), description={"input": [96, 64]}
    ),
    "yolov8, half precision": OnnxForm(half_precision),
    "yolov8, with NMS": OnnxForm(onnx_models.yolov8_with_nms),
    "yolov8, with NMS, without metadata": OnnxForm(
        lambda: onnx_models.yolov8_with_nms(metadata={})
    ),
    "yolov8, with NMS, stated": OnnxForm(
        lambda: onnx_models.yolov8_with_nms(rows=CELLS, metadata=ultralytics(**_NMS_STATED))
    ),
    "yolov9, two branches": OnnxForm(onnx_models.yolov9_dual),
    "yolov9, the other branch": OnnxForm(
        onnx_models.yolov9_dual, description={"outputs": ["output0"]}
    ),
    "yolov10": OnnxForm(onnx_models.yolov10),
    "yolov10, without metadata": OnnxForm(lambda: onnx_models.yolov10(metadata={})),
    "yolov10, as many rows as cells": OnnxForm(lambda: onnx_models.yolov10(rows=CELLS)),
    "yolov10, one class, as many rows as cells": OnnxForm(
        lambda: onnx_models.yolov10(
            rows=CELLS, classes=1, metadata=ultralytics(names="{0: 'person'}")
        ),
        ("person",),
    ),
    "yolo26": OnnxForm(lambda: onnx_models.yolov8(metadata=ultralytics(**_RAW_STATED))),
    "yolo26, end to end": OnnxForm(
        lambda: onnx_models.yolov10(metadata=ultralytics(end2end="True"))
    ),
    "yolo26, end to end, as many rows as cells": OnnxForm(
        lambda: onnx_models.yolov10(rows=CELLS, metadata=ultralytics(end2end="True"))
    ),
    "yolo26, end to end, read as corners": OnnxForm(
        lambda: onnx_models.yolov10(rows=CELLS, metadata=ultralytics(end2end="True")),
        description={"head": "corners"},
    ),
    "yolox": OnnxForm(onnx_models.yolox),
    "yolox, not decoded": OnnxForm(lambda: onnx_models.yolox(decoded=False)),
    "yolo11 for DeepStream": OnnxForm(onnx_models.deepstream),
    "yolo11 of one class for DeepStream": OnnxForm(
        lambda: onnx_models.deepstream(classes=1), ("person",)
    ),
    "yolo11 of two classes for DeepStream": OnnxForm(
        lambda: onnx_models.deepstream(classes=2), LABELS[:2]
    ),
    "yolov5 for DeepStream": OnnxForm(lambda: onnx_models.deepstream(anchors=True)),
    "yolox for DeepStream": OnnxForm(onnx_models.deepstream, description={"family": "yolox"}),
    "found in noise only": OnnxForm(found_in_noise_only),
    "an empty list": OnnxForm(lambda: constant_outputs(np.zeros((1, CELLS + 1, 6)))),
    "an empty list, as many rows as cells": OnnxForm(
        lambda: constant_outputs(np.zeros((1, CELLS, 6))), description={"head": "end-to-end"}
    ),
    "converted from Darknet": OnnxForm(converted, None),
    "the keys of model.json": OnnxForm(
        onnx_models.yolov8,
        description={
            "resize": "stretch", "channels": "bgr", "scale": "1/127.5", "mean": [1, 1, 1],
            "names": ["a", "b", "c"],
        },
    ),
    "columns in model.json": OnnxForm(
        lambda: constant_outputs(objects(("score", *BOX, "class", "batch"))),
        description={"head": "end-to-end", "columns": ["score", *BOX, "class", "batch"]},
    ),
    "objectness of an unknown grid": OnnxForm(
        lambda: constant_outputs(rows_at_cells((8, 16), (96, 64))),
        description={"head": "objectness"},
    ),
    "classes of an unknown grid": OnnxForm(
        lambda: constant_outputs(columns_at_cells((8, 16), (96, 64))),
        description={"head": "classes"},
    ),
    "80 classes in rows": OnnxForm(
        lambda: constant_outputs(rows_at_cells(_USUAL, (96, 64), 80)), labels(80)
    ),
    "80 classes in columns": OnnxForm(
        lambda: constant_outputs(columns_at_cells(_USUAL, (96, 64), 80)), labels(80)
    ),
    "darknet, yolo": DarknetForm(darknet(16, YOLO)),
    "darknet, yolo, new coordinates": DarknetForm(
        darknet(16, f"{YOLO}new_coords=1\n", activation="logistic")
    ),
    "darknet, yolo, letterbox": DarknetForm(darknet(16, YOLO, letterbox=True)),
    "darknet, Gaussian": DarknetForm(darknet(24, YOLO.replace("[yolo]", "[Gaussian_yolo]"))),
    "darknet, region": DarknetForm(darknet(16, f"{REGION}classes=3\n")),
    "darknet, region with a tree": DarknetForm(
        darknet(22, f"{REGION}classes=6\n{TREE_OPTION}"), TREE
    ),
}  # fmt: skip

for _count in (1, 2, 3, 4, 8):
    FORMS[f"a column for each cell, {_count} classes"] = OnnxForm(
        lambda count=_count: constant_outputs(columns_at_cells(_USUAL, (96, 64), count)),  # type: ignore[misc]
        labels(_count),
    )
    FORMS[f"a row for each cell, {_count} classes"] = OnnxForm(
        lambda count=_count: constant_outputs(rows_at_cells(_USUAL, (96, 64), count)),  # type: ignore[misc]
        labels(_count),
    )
for _strides in (_TINY, _P2, _P6):
    FORMS[f"rows of strides {_strides}"] = OnnxForm(
        lambda strides=_strides: constant_outputs(  # type: ignore[misc]
            rows_at_cells(strides, _SQUARE), size=_SQUARE
        )
    )
    FORMS[f"columns of strides {_strides}"] = OnnxForm(
        lambda strides=_strides: constant_outputs(  # type: ignore[misc]
            columns_at_cells(strides, _SQUARE), size=_SQUARE
        )
    )
_ORDERS: tuple[tuple[str, ...], ...] = (
    (*BOX, "score", "class"),
    (*BOX, "class", "score"),
    ("class", "score", *BOX),
    ("batch", *BOX, "class", "score"),
    ("batch", *BOX, "score", "class"),
    ("batch", "class", "score", *BOX),
)
for _order in _ORDERS:
    FORMS[f"a list of {', '.join(_order)}"] = OnnxForm(
        lambda order=_order: constant_outputs(  # type: ignore[misc]
            objects(order) if "batch" in order else objects(order)[np.newaxis]
        )
    )
for _family in (
    "yolov5", "yolov6", "yolov7", "yolov8", "yolov9", "yolov10", "yolo11", "yolo12", "yolo26",
    "yolox", "darknet",
):  # fmt: skip
    FORMS[f"family {_family}"] = OnnxForm(onnx_models.deepstream, description={"family": _family})


def main() -> None:
    """Prints how each form is read, one a line."""
    lines = (f"{json.dumps(name)}: {json.dumps(read(form))}" for name, form in FORMS.items())
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
