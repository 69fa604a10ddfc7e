"""Records the detections of OpenCV 4.14's Darknet importer, the reference of the parity test.

OpenCV 5 has no Darknet importer, so this runs in a separate environment with
benchmarks/requirements-opencv4.txt and without this project's code:

    .venv-opencv4/bin/python benchmarks/opencv4_reference.py MODEL_DIR IMAGE_DIR OUT.json

`make reference` makes that environment and records tests/object_detection/reference/*.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np


def detect(
    net: Any,
    image: np.ndarray,
    size: tuple[int, int],
    confidence: float,
    nms: float,
    multi_label: bool,
) -> list[list[float]]:
    """Returns one row per detection: class id, confidence, and x1, y1, x2, y2 in pixels.

    A cell's class is its most probable one, or with `multi_label` every class above `confidence`.
    OpenCV suppresses within each class. Boxes are clipped to the image.
    """
    height, width = image.shape[:2]
    net.setInput(cv2.dnn.blobFromImage(image, 1 / 255, size, swapRB=True))
    # A row per cell and anchor: centre x, centre y, width, height, objectness, a score per class
    rows = np.concatenate(net.forward(net.getUnconnectedOutLayersNames()))
    scores = rows[:, 5:]
    if not multi_label:
        scores = np.where(scores == scores.max(axis=1, keepdims=True), scores, 0)
    boxes, class_ids = np.nonzero(scores > confidence)
    rows, confidences = rows[boxes], scores[boxes, class_ids]
    sides = rows[:, 2:4] * (width, height)
    corners = rows[:, 0:2] * (width, height) - sides / 2
    found = []
    for class_id in np.unique(class_ids):
        (members,) = np.nonzero(class_ids == class_id)
        rectangles = np.concatenate([corners[members], sides[members]], axis=1).astype(np.float64)
        for kept in np.ravel(cv2.dnn.NMSBoxes(rectangles, confidences[members], confidence, nms)):
            x, y, w, h = rectangles[kept]
            box = np.clip([x, y, x + w, y + h], 0, [width, height, width, height])
            found.append([int(class_id), float(confidences[members[kept]]), *map(float, box)])
    return sorted(found, key=lambda row: -row[1])


def load(model: Path, floor: float) -> tuple[Any, tuple[int, int]]:
    """Returns the network of a model folder, and its input's (width, height).

    OpenCV drops scores up to 0.2 unless the cfg's `thresh` names another floor.
    """
    (cfg,) = model.glob("*.cfg")
    (weights,) = model.glob("*.weights")
    options = dict(
        line.replace(" ", "").split("=", 1)
        for line in cfg.read_text().split("[", 2)[1].splitlines()
        if "=" in line
    )
    text = cfg.read_text().replace("[yolo]", f"[yolo]\nthresh={floor}")
    buffers = text.encode(), weights.read_bytes()
    net = cv2.dnn.readNetFromDarknet(*(np.frombuffer(buffer, np.uint8) for buffer in buffers))
    return net, (int(options["width"]), int(options["height"]))


def main() -> None:
    """Writes the detections of every image of a folder, with the image's SHA-256."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path, metavar="MODEL_DIR")
    parser.add_argument("images", type=Path, metavar="IMAGE_DIR")
    parser.add_argument("out", type=Path, metavar="OUT.json")
    parser.add_argument("--confidence", type=float, default=0.25)
    parser.add_argument("--nms", type=float, default=0.4)
    parser.add_argument("--multi-label", action="store_true", help="every class of a box")
    arguments = parser.parse_args()
    net, size = load(arguments.model, arguments.confidence)
    lines = []
    for path in sorted(arguments.images.glob("*.jpg")):
        data = path.read_bytes()
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        rows = detect(net, image, size, arguments.confidence, arguments.nms, arguments.multi_label)
        entry = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "detections": [
                [row[0], round(row[1], 5), *(round(v, 2) for v in row[2:])] for row in rows
            ],
        }
        lines.append(f"{json.dumps(path.name)}: {json.dumps(entry, separators=(',', ':'))}")
    header = {
        "opencv": cv2.__version__,
        "model": arguments.model.name,
        "confidence": arguments.confidence,
        "nms": arguments.nms,
        "multi_label": arguments.multi_label,
    }
    arguments.out.write_text(
        json.dumps(header)[:-1] + ', "images": {\n' + ",\n".join(lines) + "\n}}\n"
    )


if __name__ == "__main__":
    main()
