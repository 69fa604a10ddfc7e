"""Boxes before suppression, and the arithmetic that heads share; start at `Candidates`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Candidates:
    """Boxes before suppression, in units of the network's input: 1.0 is its width or height.

    boxes: `(N, 4)` float32, xyxy. confidences: `(N,)` float32, 0 to 1. class_ids: `(N,)` int32.
    """

    boxes: NDArray[np.float32]
    confidences: NDArray[np.float32]
    class_ids: NDArray[np.int32]

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
        return Candidates(self.boxes[mask], self.confidences[mask], self.class_ids[mask])


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
