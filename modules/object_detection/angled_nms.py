"""Non-maximum suppression of angled boxes; see `keep_angled`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_EPSILON = 1e-7
_BLOCK = 512  # boxes that are compared with all better ones at a time


def keep_angled(
    angled: NDArray[np.float64],
    confidences: NDArray[np.float32],
    class_ids: NDArray[np.int32],
    nms: float,
) -> NDArray[np.bool_]:
    """Returns which boxes no more confident one of their class is too similar to.

    A box also counts if it is dropped itself, as in `TorchNMS.fast_nms`, which the predictor of
    Ultralytics uses for angled boxes (ultralytics/utils/nms.py).

    Args:
        angled: `(N, 5)`, centre x, centre y, width, height in pixels, and the angle in radians.
        confidences: `(N,)`, 0 to 1.
        class_ids: `(N,)`.
        nms: a box is dropped if its similarity to another is above this; 0 to 1.

    Returns:
        `(N,)`.
    """
    kept = np.zeros(len(angled), np.bool_)
    for class_id in np.unique(class_ids):
        (members,) = np.nonzero(class_ids == class_id)
        members = members[np.argsort(-confidences[members], kind="stable")]
        for start in range(0, len(members), _BLOCK):
            block = members[start : start + _BLOCK]
            better = members[: start + len(block)]
            similar = similarity(angled[better], angled[block]) > nms
            is_better = np.arange(len(better))[:, np.newaxis] < start + np.arange(len(block))
            kept[block] = ~(similar & is_better).any(axis=0)
    return kept


def similarity(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Computes the similarity, 0 to 1, of each of N angled boxes to each of M, `(N, M)`.

    It is 1 minus the Hellinger distance of the normal distributions that have the boxes' centres
    and spreads (arxiv.org/abs/2106.06072; `batch_probiou` in Ultralytics' utils/metrics.py).

    Args:
        first: `(N, 5)`, as in `keep_angled`.
        second: `(M, 5)`.
    """
    x, y = (first[:, np.newaxis, axis] - second[:, axis] for axis in (0, 1))
    spread = _covariances(first)[:, :, np.newaxis], _covariances(second)[:, np.newaxis]
    (a1, b1, c1), (a2, b2, c2) = spread
    a, b, c = a1 + a2, b1 + b2, c1 + c2
    determinant = a * b - c**2
    distance = (a * y**2 + b * x**2 - 2 * c * x * y) / (determinant + _EPSILON) / 4
    areas = (a1 * b1 - c1**2).clip(0) * (a2 * b2 - c2**2).clip(0)
    ratio = determinant / (4 * np.sqrt(areas) + _EPSILON)
    bhattacharyya = (distance + np.log(ratio + _EPSILON) / 2).clip(_EPSILON, 100)
    hellinger: NDArray[np.float64] = np.sqrt(1 - np.exp(-bhattacharyya) + _EPSILON)
    return 1 - hellinger


def _covariances(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the variances along x and y and the covariance of each box, `(3, N)`."""
    width, height = boxes[:, 2] ** 2 / 12, boxes[:, 3] ** 2 / 12
    cos, sin = np.cos(boxes[:, 4]), np.sin(boxes[:, 4])
    return np.stack(
        [
            width * cos**2 + height * sin**2,
            width * sin**2 + height * cos**2,
            (width - height) * cos * sin,
        ]
    )
