"""Non-maximum suppression; see `suppress`."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .detections import Detections


def suppress(
    boxes: NDArray[np.floating],
    confidences: NDArray[np.float32],
    class_ids: NDArray[np.int32],
    *,
    nms: float | None,
    image_size: tuple[int, int],
) -> Detections:
    """Applies greedy non-maximum suppression within each class, then clips boxes to the image.

    Args:
        boxes: `(N, 4)`, xyxy, in pixels.
        confidences: `(N,)`, 0 to 1.
        class_ids: `(N,)`.
        nms: if two boxes of one class have an intersection over union above this, the less
            confident one is dropped; 0 to 1. None if the network suppresses boxes
            itself: then they are only clipped.
        image_size: (width, height) in pixels; a box that is outside the image is dropped.
    """
    keep: NDArray[np.int64] = np.arange(len(boxes))
    if nms is not None and len(boxes):
        keep = _keep_best(boxes, confidences, class_ids, nms)
    clipped = boxes[keep].clip(0, np.tile(image_size, 2)).astype(np.float32)
    inside = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    keep, clipped = keep[inside], clipped[inside]
    return Detections(clipped, confidences[keep], class_ids[keep]).best_first()


def _keep_best(
    boxes: NDArray[np.floating],
    confidences: NDArray[np.float32],
    class_ids: NDArray[np.int32],
    nms: float,
) -> NDArray[np.int64]:
    """Returns the indices of the boxes that no better box of their class overlaps by over `nms`.

    One class at a time: OpenCV's NMSBoxesBatched compares the boxes of all classes with each other,
    which takes 25 times as long for 30,000 boxes of 80 classes.
    """
    rectangles = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    rectangles = rectangles.astype(np.float64)
    by_class = np.argsort(class_ids, kind="stable")
    kept = []
    for members in np.split(by_class, np.flatnonzero(np.diff(class_ids[by_class])) + 1):
        best = cv2.dnn.NMSBoxes(rectangles[members], confidences[members], 0.0, nms)
        kept.append(members[np.array(best, np.int64).reshape(-1)])
    return np.concatenate(kept)
