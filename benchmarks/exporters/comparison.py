"""Compares detections; start at `compare`.

Two detections are the same if they have the same class, confidences that differ by at most 0.01,
and boxes with an intersection over union of at least 0.99, or with all corners within half a pixel.
Engines round differently, and near-ties may fall either way, so the share of same detections has to
be at least `MIN_SAME_SHARE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from modules.errors import ModelError
from modules.object_detection.detections import Detections
from modules.object_detection.detector import Detector
from modules.object_detection.model_description import Description
from modules.object_detection.onnx.importer import import_onnx

# Ultralytics writes this, NMS and MAX_DETECTIONS into exports with suppression inside
CONFIDENCE = 0.25
NMS = 0.7
MAX_DETECTIONS = 300  # detections of an image
MIN_SAME_SHARE = 0.99

Image = np.ndarray
Predict = Callable[[Image], Detections]


@dataclass(frozen=True)
class Export:
    """One exported file of a family.

    labels: for files that do not name their classes. description: what the user says in model.json.
    """

    form: str
    file: Path
    labels: tuple[str, ...] | None = None
    description: Description = field(default_factory=Description)


Exports = Iterator[tuple[Export, Predict]]


@dataclass(frozen=True)
class Outcome:
    """What an engine made of an exported file.

    same, total: detections that are the same, and all, on both sides. refusal: the error's message;
    "" if the engine runs the file.
    """

    same: int = 0
    total: int = 0
    refusal: str = ""

    @property
    def share(self) -> float:
        """The share of same detections; 0 without any detections."""
        return self.same / self.total if self.total else 0.0

    @property
    def agrees(self) -> bool:
        """Whether the detections agree, or the error names the engine that runs the file."""
        return "ENGINE=onnxruntime" in self.refusal or self.share >= MIN_SAME_SHARE


def compare(export: Export, predict: Predict, images: list[Image], engine: str) -> Outcome:
    """Runs an exported file with one engine, and compares what it finds on each image."""
    try:
        network, loaded = import_onnx(
            np.fromfile(export.file, np.uint8),
            engine=engine,
            labels=export.labels,
            description=export.description,
        )
        detector = Detector(network, engine=loaded)
        found = [detector.detect(image, confidence=CONFIDENCE, nms=NMS) for image in images]
    except ModelError as error:
        return Outcome(refusal=str(error))
    pairs = [same(ours, predict(image)) for ours, image in zip(found, images, strict=True)]
    same_count, total = np.sum(pairs, axis=0)
    return Outcome(int(same_count), int(total))


def same(found: Detections, expected: Detections) -> tuple[int, int]:
    """Counts same detections, and all, among the `MAX_DETECTIONS` most confident of each side."""
    left = list(range(min(len(found), MAX_DETECTIONS)))
    same_count = 0
    for index in range(min(len(expected), MAX_DETECTIONS)):
        for other in left:
            if (
                found.class_ids[other] == expected.class_ids[index]
                and abs(found.confidences[other] - expected.confidences[index]) <= 0.01
                and same_box(found.boxes[other], expected.boxes[index])
            ):
                left.remove(other)
                same_count += 1
                break
    return 2 * same_count, min(len(found), MAX_DETECTIONS) + min(len(expected), MAX_DETECTIONS)


def same_box(a: Any, b: Any) -> bool:
    """Returns whether two boxes, `(4,)` xyxy, count as the same."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = float(np.prod(sides.clip(0)))
    overlap = shared / float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)
    return overlap >= 0.99 or bool(np.abs(a - b).max() <= 0.5)


def inside(boxes: Any, scores: Any, class_ids: Any, image: Image) -> Detections:
    """Clips boxes to the image and drops empty ones, as our code does."""
    height, width = image.shape[:2]
    boxes = boxes.clip(0, [width, height, width, height])
    kept = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return Detections(boxes[kept], scores[kept], class_ids[kept].astype(np.int32))
