"""Checks on decoded boxes: a network that is read wrongly never gives a result.

The checks run for every image and every head, on boxes above the confidence only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from .candidates import Candidates
from .head import Head, Raw

_SCORE_TOLERANCE = 1e-3  # of half precision
_SIDE_TOLERANCE = 0.05  # of the input's side; distances of YOLO26 may be slightly negative
_FARTHEST = 3.0  # centre of a box, in units of the input, outside of it
_CORNER = 2.0  # pixels


def require_numbers(raw: Raw, outputs: tuple[str, ...]) -> None:
    """Checks that no output holds NaN, which compares as less than any confidence.

    Raises:
        ModelError: an output does.
    """
    for name, output in zip(outputs, raw, strict=True):
        if output.size and np.isnan(output.max()):
            raise ModelError(
                f"its output {name} holds NaN for this image; are its weights complete, and does "
                "the engine support its precision?"
            )


def require_probabilities_above(scores: NDArray[np.floating]) -> None:
    """Checks that scores above the confidence, of any shape, are from 0 to 1.

    Raises:
        ModelError: one is not.
    """
    low, high = -_SCORE_TOLERANCE, 1 + _SCORE_TOLERANCE
    if scores.size and not (low <= scores.min() and scores.max() <= high):
        wrong = scores[~((scores >= low) & (scores <= high))]
        raise ModelError(f"the network found an object with a score of {wrong[0]:.4g}, not 0 to 1")


def require_plausible(found: Candidates, head: Head, input_size: tuple[int, int]) -> None:
    """Checks candidates above the confidence.

    Confidences must be from 0 to 1, classes known, and boxes finite, with their corners in order,
    and near the input, `input_size` pixels (width, height).

    Raises:
        ModelError: a candidate is none; the message holds its wrong value.
    """
    if not len(found.confidences):
        return
    try:
        require_probabilities_above(found.confidences)
        _require_known(found.class_ids, head.classes)
        _require_boxes(found.boxes, input_size)
    except ModelError as error:
        name = head.summary.name
        raise ModelError(
            f"{error}; its outputs are decoded as '{name}': is the network another (`head` in "
            "model.json), or are its weights damaged?"
        ) from None


def _require_known(class_ids: NDArray[np.int32], classes: int) -> None:
    lowest, highest = int(class_ids.min()), int(class_ids.max())
    if lowest < 0 or highest >= classes:
        raise ModelError(
            f"the network found an object of class {lowest if lowest < 0 else highest}, counted "
            f"from 0; there are names for {classes}"
        )


def _require_boxes(boxes: NDArray[np.float32], input_size: tuple[int, int]) -> None:
    first, second = boxes[:, :2], boxes[:, 2:]
    with np.errstate(invalid="ignore", over="ignore"):  # of boxes that are not finite
        ordered = second - first >= -_SIDE_TOLERANCE
        near = np.abs((first + second) / 2 - 0.5) <= 0.5 + _FARTHEST
    good = (ordered & near).all(axis=1)
    if not good.all():
        (index, *_) = np.flatnonzero(~good)
        raise ModelError(
            f"the network found an object at {_shown(boxes[index], input_size)} of its input, "
            f"{input_size[0]} x {input_size[1]}: its corners are out of order, or it is far outside"
        )
    if (second * input_size).max() <= _CORNER:
        raise ModelError(
            f"all objects that the network found lie in the top left {_CORNER:g} pixels, the first "
            f"at {_shown(boxes[0], input_size)}: these boxes are not in pixels of the input"
        )


def _shown(box: NDArray[np.float32], input_size: tuple[int, int]) -> str:
    pixels = box * np.tile(input_size, 2)
    return "[" + ", ".join(f"{value:.4g}" for value in pixels) + "]"
