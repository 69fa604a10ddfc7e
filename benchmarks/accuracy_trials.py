"""Tries what may raise accuracy at no cost: resizing by area, and other suppression.

    .venv/bin/python benchmarks/accuracy_trials.py MODEL_DIR [MODEL_DIR ...] --photos IMAGES LABELS

Each network is measured on the photos and on their mirror images, with every class of a box, from
a confidence of 0.001 on. docs/development.md has the conclusions.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.accuracy import read_truth
from modules.cli.models.compare.accuracy import Rows, measure
from modules.models.folder import LocalFolder
from modules.models.loader import Model, load_model
from modules.object_detection.heads.candidates import Candidates
from modules.object_detection.images import Image, decode_image
from modules.object_detection.letterbox import fitted_size
from modules.settings import Settings

_CONFIDENCE = 0.001
_MOST = 300  # detections of an image
_SHRINKS = {"bilinear": np.inf, "area": 1.0, "area from 1/2 on": 2.0}  # from which one on
_SUPPRESSIONS = [(kind, nms) for kind in ("IoU", "DIoU") for nms in (0.4, 0.45, 0.5, 0.6)]

Images = dict[str, Image]


def main() -> None:
    """Prints a line for each network, set of images, way of resizing, and suppression."""
    parser = argparse.ArgumentParser(description="COCO mAP with other resizing and suppression")
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL_DIR")
    parser.add_argument("--photos", type=Path, nargs=2, required=True, metavar=("IMAGES", "LABELS"))
    arguments = parser.parse_args()
    folder, labels = arguments.photos
    photos = {
        path.name: decode_image(path.read_bytes(), max_pixels=10**8)
        for path in sorted(folder.iterdir())
    }
    mirrored = {
        name: replace(image, pixels=np.ascontiguousarray(image.pixels[:, ::-1]))
        for name, image in photos.items()
    }
    for path in arguments.models:
        model = load_model(LocalFolder(path), Settings())
        truth = read_truth(photos, labels, len(model.labels))
        for kind, images in (("photos", photos), ("mirrored", mirrored)):
            expected = truth if kind == "photos" else mirror(truth, photos)
            for line in compare(model, images, expected):
                print(path.name, kind, *line, sep="\t", flush=True)


def mirror(truth: dict[str, Any], photos: Images) -> dict[str, Any]:
    """Returns the truth of the mirror images."""
    widths = {item["id"]: photos[item["file_name"]].width for item in truth["images"]}
    annotations = []
    for item in truth["annotations"]:
        x, y, width, height = item["bbox"]
        left = widths[item["image_id"]] - x - width
        annotations.append({**item, "bbox": [left, y, width, height]})
    return {**truth, "annotations": annotations}


def compare(model: Model, images: Images, truth: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yields way of resizing, suppression, its threshold, mAP@0.5 and mAP@0.5:0.95."""
    for resizing, least in _SHRINKS.items():
        candidates = {name: decode(model, image, least) for name, image in images.items()}
        for kind, nms in _SUPPRESSIONS:
            found = {
                name: suppress(each, images[name], nms, is_distance=kind == "DIoU")
                for name, each in candidates.items()
            }
            accuracy = measure(truth, found)
            yield resizing, kind, f"{nms}", f"{accuracy.map50:.4f}", f"{accuracy.map50_95:.4f}"


def decode(model: Model, image: Image, least: float) -> Candidates:
    """Returns the candidates of an image, in pixels; shrinks it by area from `least` times on."""
    detector, pixels = model.detector, image.pixels
    size, resize = detector.input_size, detector.preprocessing.resize
    inner = size
    if resize != "stretch":
        inner = fitted_size((image.width, image.height), size, resize)
    if max(image.width / inner[0], image.height / inner[1]) >= max(least, 1 + 1e-9):
        pixels = cv2.resize(pixels, inner, interpolation=cv2.INTER_AREA).astype(np.uint8)
    _, placement = detector.preprocessing.apply(pixels, size)
    raw = detector.raw_outputs(pixels)
    found = detector.head.decode(raw, size, _CONFIDENCE, multi_label=True)
    boxes = placement.to_pixels(found.boxes, (image.width, image.height)).astype(np.float32)
    return replace(found, boxes=boxes)


def suppress(found: Candidates, image: Image, nms: float, *, is_distance: bool) -> Rows:
    """Suppresses greedily within each class.

    is_distance: subtracts the squared distance of the centres, divided by the squared diagonal of
    the box around both, from the intersection over union (DIoU; Zheng et al., 2020, section 3).
    """
    kept: list[int] = []
    for class_id in np.unique(found.class_ids):
        (left,) = np.nonzero(found.class_ids == class_id)
        left = left[np.argsort(-found.confidences[left], kind="stable")]
        while len(left):
            best, left = left[0], left[1:]
            kept.append(int(best))
            overlaps = overlap(found.boxes[best], found.boxes[left], is_distance=is_distance)
            left = left[overlaps <= nms]
    kept.sort(key=lambda index: -found.confidences[index])
    limits = np.tile([image.width, image.height], 2)
    return [
        [
            int(found.class_ids[index]),
            float(found.confidences[index]),
            *map(float, found.boxes[index].clip(0, limits)),
        ]
        for index in kept[:_MOST]
    ]


def overlap(
    box: NDArray[np.float32], others: NDArray[np.float32], *, is_distance: bool
) -> NDArray[np.float32]:
    """Returns the overlaps, `(N,)`, of a box, `(4,)` xyxy, with others, `(N, 4)`."""
    first, second = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = (second - first).clip(0).prod(axis=1)
    areas = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1)
    found: NDArray[np.float32] = shared / (areas - shared + 1e-9)
    if is_distance:
        around = np.maximum(box[2:], others[:, 2:]) - np.minimum(box[:2], others[:, :2])
        centres = (box[:2] + box[2:] - others[:, :2] - others[:, 2:]) / 2
        found = found - (centres**2).sum(axis=1) / ((around**2).sum(axis=1) + 1e-9)
    return found


if __name__ == "__main__":
    main()
