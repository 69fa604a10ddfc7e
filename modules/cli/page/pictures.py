"""Makes pictures that every browser shows; see `make_view`."""

from __future__ import annotations

import threading
from typing import Any

import cv2
import numpy as np

from ...object_detection.annotate import annotate
from ...object_detection.detections import Detections
from ...object_detection.images import decode_image, encode_image

_DECODING = threading.Semaphore(2)  # pictures in memory at the same time


def make_view(
    data: bytes, side: int, max_pixels: int, document: dict[str, Any] | None = None
) -> bytes:
    """Returns a picture as JPEG: upright, in sRGB, and shrunk if its longer side is over `side`.

    Browsers lack some formats, and turn others in another way than the function does, so that
    boxes would be at the wrong place.

    Args:
        data: a picture of any format that the function reads.
        side: pixels; 0 for no limit.
        max_pixels: as the setting MAX_IMAGE_PIXELS.
        document: of a result whose detections are drawn; None draws nothing.

    Raises:
        ImageError: it cannot be decoded.
    """
    with _DECODING:
        image = decode_image(data, max_pixels=max_pixels)
        pixels = image.pixels
        if document is not None:
            detections, labels = _read_detections(document)
            annotate(pixels, detections, labels, in_place=True)
        longer = max(image.width, image.height)
        if side and longer > side:
            size = max(1, image.width * side // longer), max(1, image.height * side // longer)
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        return encode_image(pixels, "jpeg")


def _read_detections(document: dict[str, Any]) -> tuple[Detections, dict[int, str]]:
    """Returns a document's detections, and the labels that they name, by class id."""
    found = document["detections"]
    sides = [[item["box"][side] for side in ("x", "y", "width", "height")] for item in found]
    boxes = np.array(sides, np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    detections = Detections(
        boxes,
        np.array([item["confidence"] for item in found], np.float32),
        np.array([item["class_id"] for item in found], np.int32),
    )
    return detections, {item["class_id"]: str(item["label"]) for item in found}
