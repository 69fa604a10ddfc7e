"""What a head is: it describes a network's outputs, and turns them into `Candidates`.

The families' heads lie in modules of their own: darknet/heads.py, onnx/heads.py.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """What a detector needs to know of a network's outputs."""

    @property
    def classes(self) -> int:
        """How many classes the head tells apart."""

    @property
    def suppressed(self) -> bool:
        """Whether the network itself leaves one box an object: nothing is to be suppressed."""

    def decode(
        self, raw: Sequence[NDArray[np.float32]], input_size: tuple[int, int], confidence: float
    ) -> Candidates:
        """Candidates with a confidence above `confidence`, from one image's raw outputs."""


class OutputHead(Protocol):
    """The part of a head that one output is enough for."""

    @property
    def classes(self) -> int:
        """As `Head.classes`."""

    def decode(
        self, raw: NDArray[np.float32], input_size: tuple[int, int], confidence: float
    ) -> Candidates:
        """As `Head.decode`, from the one output."""


@dataclass(frozen=True)
class HeadPerOutput:
    """A head of as many parts as there are outputs, each decoded by the part at its place."""

    parts: tuple[OutputHead, ...]
    suppressed: bool = False

    @property
    def classes(self) -> int:
        """See `Head`; all parts tell the same apart."""
        return self.parts[0].classes

    def decode(
        self, raw: Sequence[NDArray[np.float32]], input_size: tuple[int, int], confidence: float
    ) -> Candidates:
        """See `Head`."""
        return Candidates.concatenate(
            [
                part.decode(output, input_size, confidence)
                for part, output in zip(self.parts, raw, strict=True)
            ]
        )


def best_class(
    scores: NDArray[np.floating],
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """The highest score of each row of `(N, classes)`: its class and itself, both `(N,)`."""
    class_ids = scores.argmax(axis=1)
    return class_ids, np.take_along_axis(scores, class_ids[:, np.newaxis], axis=1)[:, 0]


def sigmoid(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)) of each value, at double precision."""
    # tanh does not overflow where exp(-x) would
    return 0.5 * (1.0 + np.tanh(0.5 * logits.astype(np.float64)))
