"""The heads of the YOLO families as their own tools export them: raw outputs -> candidate boxes.

`ObjectnessHead` (YOLOv5, v6, v7, YOLOX), `ClassHead` (YOLOv8, v9, 11, 12), `AnchorHead` (YOLOv5 and
v7 without their last step) and `EndToEndHead` (YOLOv10, YOLO26, networks with suppression inside).
Only boxes whose confidence passes are decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from .grid import Grid
from .head import Candidates, best_class, sigmoid

_Raw = Sequence[NDArray[np.float32]]


@dataclass(frozen=True)
class ObjectnessHead:
    """Rows of centre x, centre y, width, height, objectness and a probability a class.

    grid: None where the network has decoded its boxes, to pixels of its input; else YOLOX's, with
    centres as offsets from the cell and sizes as logarithms, both in cells (demo_postprocess in
    YOLOX's demo_utils.py). objectness_alone: the one class's probability was never trained, as in
    YOLOv5 and v7 (non_max_suppression in YOLOv7's general.py).
    """

    classes: int
    grid: Grid | None = None
    objectness_alone: bool = False
    suppressed: bool = False

    def decode(self, raw: _Raw, input_size: tuple[int, int], confidence: float) -> Candidates:
        """Decodes one output, `(1, N, 5 + classes)`; see `Head.decode`."""
        (passed,) = np.nonzero(raw[0][0, :, 4] > confidence)
        rows = raw[0][0, passed]
        class_ids, best = best_class(rows[:, 5:])
        confidences = rows[:, 4] if self.objectness_alone else rows[:, 4] * best
        centres, sizes = rows[:, 0:2], rows[:, 2:4]
        if self.grid is not None:
            strides = self.grid.strides_of_boxes[passed, np.newaxis]
            centres = centres * strides + self.grid.corners[passed]
            sizes = np.exp(sizes) * strides
        return _candidates(centres, sizes, confidences, class_ids, input_size, confidence)


@dataclass(frozen=True)
class ClassHead:
    """Columns of centre x, centre y, width, height, in pixels, and a probability a class.

    As Ultralytics' `Detect` and YOLOv9's `DDetect` put them out.
    """

    classes: int
    suppressed: bool = False

    def decode(self, raw: _Raw, input_size: tuple[int, int], confidence: float) -> Candidates:
        """Decodes one output, `(1, 4 + classes, N)`; see `Head.decode`."""
        scores = raw[0][0, 4:]
        (passed,) = np.nonzero(scores.max(axis=0) > confidence)
        class_ids, best = best_class(scores[:, passed].T)
        boxes = raw[0][0, :4, :].T[passed]
        return _candidates(boxes[:, 0:2], boxes[:, 2:4], best, class_ids, input_size, confidence)


@dataclass(frozen=True)
class AnchorHead:
    """YOLOv5's and v7's levels before their last step: per anchor and cell 5 + classes logits.

    anchors: each output's, (width, height) in pixels of the input. Formulas: `Detect.forward` in
    YOLOv5's models/yolo.py.
    """

    anchors: tuple[tuple[tuple[float, float], ...], ...]
    classes: int
    suppressed: bool = False

    def decode(self, raw: _Raw, input_size: tuple[int, int], confidence: float) -> Candidates:
        """Decodes as many outputs as levels; see `Head.decode`.

        Each is `(1, A, H, W, 5 + classes)`, or `(1, A * (5 + classes), H, W)`.
        """
        return Candidates.concatenate(
            [
                self._decode_level(output, np.array(anchors), input_size, confidence)
                for output, anchors in zip(raw, self.anchors, strict=True)
            ]
        )

    def _decode_level(
        self,
        output: NDArray[np.float32],
        anchors: NDArray[np.float64],
        input_size: tuple[int, int],
        confidence: float,
    ) -> Candidates:
        if output.ndim == 4:
            _, _, height, width = output.shape
            output = output.reshape(1, len(anchors), -1, height, width).transpose(0, 1, 3, 4, 2)
        objectness = sigmoid(output[0, ..., 4])
        anchor, row, column = np.nonzero(objectness > confidence)
        values = sigmoid(output[0, anchor, row, column])
        class_ids, best = best_class(values[:, 5:])
        confidences = values[:, 4] if self.classes == 1 else values[:, 4] * best
        strides = np.array(input_size) / (output.shape[3], output.shape[2])
        centres = (values[:, 0:2] * 2 - 0.5 + np.stack([column, row], axis=1)) * strides
        sizes = (values[:, 2:4] * 2) ** 2 * anchors[anchor]
        return _candidates(centres, sizes, confidences, class_ids, input_size, confidence)


@dataclass(frozen=True)
class EndToEndHead:
    """One row an object, its box as corners in pixels: the network has suppressed the others.

    `(1, N, 6)`: x0, y0, x1, y1, confidence, class, padded with rows of confidence 0 (Ultralytics'
    v10 and 26, or with nms=True). `(N, 7)`: batch, x0, y0, x1, y1, class, confidence (YOLOv6's and
    v7's --end2end with --max-wh).
    """

    classes: int
    suppressed: bool = True

    def decode(self, raw: _Raw, input_size: tuple[int, int], confidence: float) -> Candidates:
        """Decodes one output; see `Head.decode`.

        Raises:
            ModelError: a class that the names do not reach.
        """
        rows = as_corner_rows(raw[0])
        rows = rows[rows[:, 4] > confidence]
        class_ids = rows[:, 5].astype(np.int32)
        if len(rows) and not (class_ids.min() >= 0 and class_ids.max() < self.classes):
            raise ModelError(
                f"the network found an object of class {class_ids.max()}, counted from 0; "
                f"there are names for {self.classes}"
            )
        boxes = rows[:, :4] / np.tile(input_size, 2)
        return Candidates(boxes.astype(np.float32), rows[:, 4].astype(np.float32), class_ids)


def as_corner_rows(raw: NDArray[np.float32]) -> NDArray[np.float32]:
    """Either form of `EndToEndHead`, as `(N, 6)`: x0, y0, x1, y1, confidence, class."""
    return raw[:, [1, 2, 3, 4, 6, 5]] if raw.ndim == 2 else raw[0]


def _candidates(
    centres: NDArray[np.floating],
    sizes: NDArray[np.floating],
    confidences: NDArray[np.floating],
    class_ids: NDArray[np.int64],
    input_size: tuple[int, int],
    least: float,
) -> Candidates:
    """Those above a confidence; centres and sizes `(N, 2)` in pixels of the input."""
    passed = confidences > least
    centres, halves = centres[passed], sizes[passed] / 2
    boxes = np.concatenate([centres - halves, centres + halves], axis=1) / np.tile(input_size, 2)
    return Candidates(
        boxes.astype(np.float32),
        confidences[passed].astype(np.float32),
        class_ids[passed].astype(np.int32),
    )
