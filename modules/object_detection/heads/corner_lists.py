"""Boxes as corners, scores and classes in separate outputs; start at `decode_lists`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from .candidates import Candidates
from .grid import Grid
from .probe import Probe, unit_of_centres

_ORDERED = 0.8  # share of boxes; centres and sizes have far fewer
_TOLERANCE = 1e-3  # of half precision
_INSIDE = 1.5  # largest coordinate of boxes in units of the input

Values = NDArray[np.float32]


def in_order(boxes: Values) -> bool:
    """Returns whether `(N, 4)` can be corners: nearly all have the second one right below."""
    return len(boxes) > 0 and bool((boxes[:, 2:] >= boxes[:, :2]).all(axis=1).mean() >= _ORDERED)


def in_pixels(boxes: Values) -> bool:
    """Returns whether boxes, `(N, 4)`, are larger than any in units of the input can be."""
    return boxes.size > 0 and bool(np.abs(boxes).max() > _INSIDE)


def lie_at_cells(boxes: Values, probe: Probe) -> bool:
    """Returns whether boxes, `(N, 4)` xyxy in pixels, follow the cells of a known grid."""
    grid = Grid.with_boxes(len(boxes), probe.input_size, 1)
    if grid is None:
        return False
    centres = (boxes[:, :2] + boxes[:, 2:]) / np.float32(2)
    return unit_of_centres(centres, grid.corners) == "pixels"


def are_probabilities(scores: Values) -> bool:
    """Returns whether all of `scores`, of any shape, are from 0 to 1."""
    low, high = -_TOLERANCE, 1 + _TOLERANCE
    return not scores.size or bool(scores.min() >= low and scores.max() <= high)


def are_whole(numbers: Values) -> bool:
    """Returns whether all numbers, of any shape, are whole and from -1 on, which fills lists up."""
    return bool((numbers == np.round(numbers)).all() and (numbers >= -1).all())


def why_no_lists(boxes: Values, scores: Values, classes: Values) -> str:
    """Returns what makes it impossible that three lists of objects hold boxes in pixels; or "".

    boxes: `(N, 4)`. scores, classes: `(N,)`. Nothing follows from a list without scores.
    """
    found = scores > 0
    if not are_probabilities(scores):
        return "its scores are not from 0 to 1"
    if not are_whole(classes):
        return "its classes are not whole numbers"
    if found.any() and not (in_order(boxes[found]) and in_pixels(boxes[found])):
        return "its boxes are not x1, y1, x2, y2 in pixels"
    return ""


def decode_lists(
    boxes: Values, scores: Values, classes: Values, unit: tuple[int, int], confidence: float
) -> Candidates:
    """Decodes lists of objects, and keeps those above `confidence`.

    Args:
        boxes: `(N, 4)` xyxy.
        scores: `(N,)`, 0 to 1.
        classes: `(N,)`, whole numbers from 0.
        unit: the network's (width, height) in the unit of `boxes`.
        confidence: 0 to 1.

    Raises:
        ModelError: a class is not a whole number.
    """
    passed = scores > confidence
    found = classes[passed]
    if len(found) and not (np.abs(found) < 2**31).all():
        raise ModelError(f"the network found an object of class {found.max():g}")
    class_ids = found.astype(np.int32)
    if (class_ids != found).any():
        wrong = found[class_ids != found][0]
        raise ModelError(f"the network found an object of class {wrong:.4g}, not a whole number")
    return Candidates(
        (boxes[passed] / np.tile(unit, 2)).astype(np.float32),
        scores[passed].astype(np.float32),
        class_ids,
    )


def require_label_count(probe: Probe) -> int:
    """Returns the number of class names, which is that of the classes.

    Raises:
        ModelError: there are no names, and lists do not show how many classes there are.
    """
    if probe.label_count is None:
        raise ModelError(
            f"its outputs are {probe}, which do not show how many classes there are; "
            "put their names in a *.names next to it, one a line"
        )
    return probe.label_count
