"""What a head is: it describes a network's outputs, and turns them into `Candidates`.

The families' heads lie in modules of their own: darknet_heads.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

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
    def concatenate(parts: list[Candidates]) -> Candidates:
        """All candidates of several heads, in order."""
        return Candidates(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.confidences for part in parts]),
            np.concatenate([part.class_ids for part in parts]),
        )


class Head(Protocol):
    """What a detector needs to know of a network's output."""

    @property
    def classes(self) -> int:
        """How many classes the head tells apart."""

    def decode(
        self, raw: NDArray[np.float32], input_size: tuple[int, int], confidence: float
    ) -> Candidates:
        """Candidates with a confidence above `confidence`, from one image's raw output."""


def best_class(
    scores: NDArray[np.floating],
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """The highest score of each row of `(N, classes)`: its class and itself, both `(N,)`."""
    class_ids = scores.argmax(axis=1)
    return class_ids, np.take_along_axis(scores, class_ids[:, np.newaxis], axis=1)[:, 0]
