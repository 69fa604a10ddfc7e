"""Boxes before suppression, and the arithmetic that heads share; start at `Candidates`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Candidates:
    """Boxes before suppression, in units of the network's input: 1.0 is its width or height.

    boxes: `(N, 4)` float32, xyxy. confidences: `(N,)` float32, 0 to 1. class_ids: `(N,)` int32.
    angled: `(N, 5)` float64, of a head that finds angled boxes and has suppressed none: centre x,
    centre y, width and height in pixels of the input, and the angle in radians. None for others.
    """

    boxes: NDArray[np.float32]
    confidences: NDArray[np.float32]
    class_ids: NDArray[np.int32]
    angled: NDArray[np.float64] | None = None

    @staticmethod
    def from_centres(
        centres: NDArray[np.floating],
        sizes: NDArray[np.floating],
        confidences: NDArray[np.floating],
        class_ids: NDArray[np.int64],
        *,
        unit: tuple[int, int] = (1, 1),
    ) -> Candidates:
        """Makes candidates from centres and sizes, both `(N, 2)`.

        `unit` is the network's input in the unit of `centres` and `sizes`: its (width, height) for
        pixels, (1, 1) where they are in units of the input already.
        """
        corners = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
        with np.errstate(over="ignore"):  # require_plausible refuses infinite boxes
            boxes = (corners / np.tile(unit, 2)).astype(np.float32)
        return Candidates(
            boxes,
            confidences.astype(np.float32),
            class_ids.astype(np.int32),
        )

    @staticmethod
    def concatenate(parts: Sequence[Candidates]) -> Candidates:
        """Joins the candidates of several outputs, in order."""
        return Candidates(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.confidences for part in parts]),
            np.concatenate([part.class_ids for part in parts]),
        )

    def select(self, mask: NDArray[np.bool_]) -> Candidates:
        """Returns the candidates where `mask`, `(N,)`, is true, in the same order."""
        angled = None if self.angled is None else self.angled[mask]
        return Candidates(self.boxes[mask], self.confidences[mask], self.class_ids[mask], angled)


@dataclass(frozen=True)
class ChosenClasses:
    """The classes of boxes, each with a confidence above the threshold; see `choose_classes`.

    rows: `(N,)`, the index of each one's box. class_ids: `(N,)`. confidences: `(N,)`, 0 to 1.
    """

    rows: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    confidences: NDArray[np.floating]


def choose_classes(
    scores: NDArray[np.floating],
    confidence: float,
    *,
    multi_label: bool,
    objectness: NDArray[np.floating] | None = None,
    activation: Callable[[NDArray[np.floating]], NDArray[np.floating]] | None = None,
) -> ChosenClasses:
    """Chooses the classes of boxes from their scores, for every head that has such scores.

    A class's confidence is its score, times the box's objectness where there is one. Darknet
    (get_yolo_detections in yolo_layer.c) and YOLOv5 to YOLO12 (`multi_label` of
    non_max_suppression) count a box for every class in this way when they measure accuracy.

    Args:
        scores: `(boxes, classes)`, probabilities, or what `activation` makes probabilities.
        confidence: classes with this confidence or less are dropped; 0 to 1.
        multi_label: True for every class above `confidence`, False for the most probable one.
        objectness: `(boxes,)`, 0 to 1; None if the scores are the confidences.
        activation: a function that rises, such as `sigmoid`; None for probabilities.
    """
    if multi_label:
        confidences = scores if activation is None else activation(scores)
        if objectness is not None:
            confidences = confidences * objectness[:, np.newaxis]
        rows, class_ids = np.nonzero(confidences > confidence)
        return ChosenClasses(rows, class_ids, confidences[rows, class_ids])
    class_ids, best = best_class(scores)
    confidences = best if activation is None else activation(best)
    if objectness is not None:
        confidences = confidences * objectness
    (rows,) = np.nonzero(confidences > confidence)
    return ChosenClasses(rows, class_ids[rows], confidences[rows])


def best_class(
    scores: NDArray[np.floating],
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Returns the class with the highest score in each row of `(N, classes)`, and that score.

    Both are `(N,)`.
    """
    class_ids = scores.argmax(axis=1)
    return class_ids, np.take_along_axis(scores, class_ids[:, np.newaxis], axis=1)[:, 0]


def sigmoid(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Computes 1 / (1 + exp(-x)) of each value, in double precision."""
    # tanh does not overflow where exp(-x) would
    return 0.5 * (1.0 + np.tanh(0.5 * logits.astype(np.float64)))
