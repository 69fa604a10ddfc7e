"""Turns a network's raw outputs into candidate boxes, one decoder a head family.

A head describes one output of a network; `decode` gives the candidates above a confidence.
"""

from __future__ import annotations

import math
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


@dataclass(frozen=True)
class YoloHead:
    """Darknet's `[yolo]`: per cell and anchor tx, ty, tw, th, objectness and a logit a class.

    anchors: (width, height) in pixels of the network's input. Formulas: YOLOv3 (Redmon and
    Farhadi, 2018), section 2.1; `scale_x_y` as in Darknet's yolo_layer.c (`scal_add_cpu`).
    """

    anchors: tuple[tuple[float, float], ...]
    classes: int
    scale_x_y: float = 1.0

    def decode(
        self, raw: NDArray[np.float32], input_size: tuple[int, int], confidence: float
    ) -> Candidates:
        """Decodes `raw`, `(1, A * (5 + classes), H, W)` float32 logits; `input_size` is (w, h).

        The confidence of a box is its objectness times its best class's probability; both are at
        most 1, so only cells whose objectness alone passes are looked at further.
        """
        _, _, height, width = raw.shape
        cells = raw.reshape(len(self.anchors), 5 + self.classes, height * width)
        anchor, cell = np.nonzero(cells[:, 4] > _logit(confidence))
        chosen = cells[anchor, :, cell]  # (N, 5 + classes)

        class_ids = chosen[:, 5:].argmax(axis=1)
        best = np.take_along_axis(chosen[:, 5:], class_ids[:, np.newaxis], axis=1)[:, 0]
        confidences = _sigmoid(chosen[:, 4]) * _sigmoid(best)
        passed = confidences > confidence
        chosen, anchor, cell = chosen[passed], anchor[passed], cell[passed]

        grid = np.stack([cell % width, cell // width], axis=1)
        offset = _sigmoid(chosen[:, 0:2]) * self.scale_x_y - 0.5 * (self.scale_x_y - 1)
        centres = (grid + offset) / (width, height)
        sizes = np.exp(chosen[:, 2:4]) * np.array(self.anchors)[anchor] / input_size
        boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
        return Candidates(
            boxes.astype(np.float32),
            confidences[passed].astype(np.float32),
            class_ids[passed].astype(np.int32),
        )


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    # tanh does not overflow where exp(-x) would
    return 0.5 * (1.0 + np.tanh(0.5 * logits.astype(np.float64)))


def _logit(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    return math.log(probability / (1 - probability)) if probability < 1 else math.inf
