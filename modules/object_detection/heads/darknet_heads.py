"""The heads of Darknet's networks: raw outputs -> candidate boxes.

`YoloHead` is `[yolo]`, `GaussianYoloHead` `[Gaussian_yolo]`, `RegionHead` `[region]`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..darknet.tree import ClassTree
from .head import Candidates, best_class, sigmoid


@dataclass(frozen=True)
class YoloHead:
    """Darknet's `[yolo]`: per cell and anchor tx, ty, tw, th, objectness and a score a class.

    anchors: (width, height) in pixels of the network's input. new_coords: the network's last
    activation has made all of them 0 to 1 already, and sizes are squares instead of exponentials
    (scaled YOLOv4, YOLOv7); otherwise all are logits. Formulas: YOLOv3 (Redmon and Farhadi, 2018),
    section 2.1; `scale_x_y` and `new_coords` as in Darknet's yolo_layer.c (`get_yolo_box`).
    """

    anchors: tuple[tuple[float, float], ...]
    classes: int
    scale_x_y: float = 1.0
    new_coords: bool = False

    def decode(
        self, raw: NDArray[np.float32], input_size: tuple[int, int], confidence: float
    ) -> Candidates:
        """Decodes `raw`, `(1, A * (5 + classes), H, W)` float32; `input_size` is (w, h).

        The confidence of a box is its objectness times its best class's probability; both are at
        most 1, so only cells whose objectness alone passes are looked at further.
        """
        least = confidence if self.new_coords else _logit(confidence)
        cells = _Cells.select(raw, len(self.anchors), least)
        probability = _unchanged if self.new_coords else sigmoid
        class_ids, best = best_class(cells.values[:, 5:])
        confidences = probability(cells.values[:, 4]) * probability(best)
        offsets = probability(cells.values[:, 0:2])
        sizes = cells.values[:, 2:4].astype(np.float64)
        sizes = (2 * sizes) ** 2 if self.new_coords else np.exp(sizes)
        return cells.candidates(
            offsets * self.scale_x_y - 0.5 * (self.scale_x_y - 1),
            sizes * np.array(self.anchors)[cells.anchor] / input_size,
            confidences,
            class_ids,
            confidence,
        )


@dataclass(frozen=True)
class GaussianYoloHead:
    """Darknet's `[Gaussian_yolo]`: as `[yolo]`, but each of tx, ty, tw, th has its uncertainty.

    The mean of the four uncertainties, 0 to 1, lowers the confidence. Formulas: Gaussian YOLOv3
    (Choi et al., 2019), section 3; gaussian_yolo_layer.c (`get_gaussian_yolo_detections`).
    """

    anchors: tuple[tuple[float, float], ...]
    classes: int
    scale_x_y: float = 1.0

    def decode(
        self, raw: NDArray[np.float32], input_size: tuple[int, int], confidence: float
    ) -> Candidates:
        """Decodes `raw`, `(1, A * (9 + classes), H, W)` float32 logits; see `YoloHead.decode`."""
        cells = _Cells.select(raw, len(self.anchors), _logit(confidence), objectness=8)
        class_ids, best = best_class(cells.values[:, 9:])
        certainty = 1 - sigmoid(cells.values[:, 1:8:2]).mean(axis=1)
        sizes = np.exp(cells.values[:, 4:8:2].astype(np.float64))
        return cells.candidates(
            sigmoid(cells.values[:, 0:4:2]) * self.scale_x_y - 0.5 * (self.scale_x_y - 1),
            sizes * np.array(self.anchors)[cells.anchor] / input_size,
            sigmoid(cells.values[:, 8]) * sigmoid(best) * certainty,
            class_ids,
            confidence,
        )


@dataclass(frozen=True)
class RegionHead:
    """Darknet's `[region]`, YOLOv2's: as `[yolo]`, but with a softmax over the classes.

    anchors: (width, height) in cells. tree: YOLO9000's; with one, a box's confidence is its
    objectness alone, and its class as exact as is sure enough. Formulas: YOLO9000 (Redmon and
    Farhadi, 2016), sections 2 and 4; region_layer.c (`get_region_box`, `get_region_detections`).
    """

    anchors: tuple[tuple[float, float], ...]
    classes: int
    tree: ClassTree | None = None

    def decode(
        self, raw: NDArray[np.float32], input_size: tuple[int, int], confidence: float
    ) -> Candidates:
        """Decodes `raw`, `(1, A * (5 + classes), H, W)` float32 logits; see `YoloHead.decode`."""
        cells = _Cells.select(raw, len(self.anchors), _logit(confidence))
        logits = cells.values[:, 5:].astype(np.float64)
        probability: NDArray[np.float64] | float
        if self.tree is None:
            class_ids, best = best_class(logits)
            probability = 1 / np.exp(logits - best[:, np.newaxis]).sum(axis=1)  # softmax, its best
        else:
            class_ids, probability = self.tree.best_classes(logits), 1.0
        sizes = np.exp(cells.values[:, 2:4].astype(np.float64))
        return cells.candidates(
            sigmoid(cells.values[:, 0:2]),
            sizes * np.array(self.anchors)[cells.anchor] / (cells.width, cells.height),
            sigmoid(cells.values[:, 4]) * probability,
            class_ids,
            confidence,
        )


@dataclass(frozen=True)
class _Cells:
    """The cells and anchors of a grid whose objectness passes.

    values: `(N, channels of an anchor)` raw. anchor and cell: `(N,)`, where each comes from.
    width and height: the grid's, in cells.
    """

    values: NDArray[np.float32]
    anchor: NDArray[np.int64]
    cell: NDArray[np.int64]
    width: int
    height: int

    @staticmethod
    def select(raw: NDArray[np.float32], anchors: int, least: float, objectness: int = 4) -> _Cells:
        """Takes those whose raw objectness, that channel of each anchor, is above `least`."""
        _, channels, height, width = raw.shape
        grid = raw.reshape(anchors, channels // anchors, height * width)
        anchor, cell = np.nonzero(grid[:, objectness] > least)
        return _Cells(grid[anchor, :, cell], anchor, cell, width, height)

    def candidates(
        self,
        offsets: NDArray[np.float64],
        sizes: NDArray[np.float64],
        confidences: NDArray[np.float64],
        class_ids: NDArray[np.int64],
        least: float,
    ) -> Candidates:
        """Boxes of those above a confidence.

        offsets: `(N, 2)`, the centre's from the cell's corner, in cells. sizes: `(N, 2)`, in units
        of the network's input.
        """
        corners = np.stack([self.cell % self.width, self.cell // self.width], axis=1)
        centres = (corners + offsets) / (self.width, self.height)
        boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
        passed = confidences > least
        return Candidates(
            boxes[passed].astype(np.float32),
            confidences[passed].astype(np.float32),
            class_ids[passed].astype(np.int32),
        )


def _unchanged(values: NDArray[np.floating]) -> NDArray[np.float64]:
    return values.astype(np.float64)


def _logit(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    return math.log(probability / (1 - probability)) if probability < 1 else math.inf
