"""Measures detections against labels: COCO's mean average precision; start at `measure`.

pycocotools computes it (github.com/ppwwyyxx/cocoapi, after Lin et al., "Microsoft COCO: Common
Objects in Context", 2014). It is imported when something is measured.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....errors import UsageError

CONFIDENCE = 0.001  # mAP takes every detection into account

# Class id, confidence, x1, y1, x2, y2 in pixels
Rows = list[list[float]]


@dataclass(frozen=True)
class Accuracy:
    """Mean average precision at an IoU of 0.5, and averaged over 0.5 to 0.95.

    by_class: average precision at 0.5 of each class; NaN if the truth has no object of a class.
    """

    map50: float
    map50_95: float
    by_class: tuple[float, ...]


def require_pycocotools() -> None:
    """Raises UsageError if accuracy cannot be measured here."""
    if importlib.util.find_spec("pycocotools") is None:
        raise UsageError(
            "measuring accuracy needs pycocotools, which is not installed; `make setup` installs "
            "it, or: pip install pycocotools"
        )


def truth_object(
    number: int, image_id: int, category_id: int, box: tuple[float, float, float, float]
) -> dict[str, Any]:
    """Returns an object as COCO describes it.

    Args:
        number: of the object in the whole truth, from 1 on.
        image_id: the image's number.
        category_id: the class.
        box: left, top, width and height in pixels.
    """
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": list(box),
        "area": box[2] * box[3],
        "iscrowd": 0,
    }


def truth_document(
    images: list[str], annotations: list[dict[str, Any]], classes: int
) -> dict[str, Any]:
    """Returns COCO's document of the truth.

    Args:
        images: their names; the first one has the number 1.
        annotations: what `truth_object` returns.
        classes: the number of classes.
    """
    return {
        "info": {},
        "images": [{"id": number, "file_name": name} for number, name in enumerate(images, 1)],
        "annotations": annotations,
        "categories": [{"id": class_id} for class_id in range(classes)],
    }


def measure(truth: dict[str, Any], detections: Mapping[str, Rows], *, most: int = 100) -> Accuracy:
    """Scores detections against the truth; without any detection, the score is 0.

    Args:
        truth: see `truth_document`.
        detections: by the image's name.
        most: how many detections of an image and a class count, the most confident first.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    numbers = {image["file_name"]: image["id"] for image in truth["images"]}
    results = [
        {
            "image_id": numbers[name],
            "category_id": int(class_id),
            "score": score,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
        }
        for name, rows in detections.items()
        for class_id, score, x1, y1, x2, y2 in rows
    ]
    if not results:
        known = {item["category_id"] for item in truth["annotations"]}
        scores = (0.0 if item["id"] in known else np.nan for item in truth["categories"])
        return Accuracy(0.0, 0.0, tuple(scores))
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints every step
        ground = COCO()
        ground.dataset = truth
        ground.createIndex()
        evaluation = COCOeval(ground, ground.loadRes(results), "bbox")
        evaluation.params.maxDets = [1, 10, most]
        evaluation.evaluate()
        evaluation.accumulate()
    # For all sizes and `most` detections: (IoU from 0.5 on, recall, class); -1 without truth
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    precision = np.where(precision > -1, precision, np.nan)
    return Accuracy(
        float(np.nanmean(precision[0])),
        float(np.nanmean(precision)),
        tuple(map(float, precision[0].mean(axis=0))),
    )
