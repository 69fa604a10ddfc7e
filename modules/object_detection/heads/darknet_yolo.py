"""Darknet's `[yolo]`: YOLOv3, YOLOv4 and YOLOv7; see `YoloHead`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .candidates import Candidates, choose_classes, sigmoid
from .darknet_cells import Cells, logit
from .head import Anchors, HeadSummary, Raw


@dataclass(frozen=True)
class YoloHead:
    """A head with tx, ty, tw, th, objectness and a score for each class, per cell and anchor.

    anchors: (width, height) in pixels of the network's input. new_coords: the network's last
    activation has already brought all values to 0 to 1, and sizes are squared instead of
    exponentiated (scaled YOLOv4, YOLOv7); otherwise all values are logits. Formulas: YOLOv3
    (Redmon and Farhadi, 2018), section 2.1; `scale_x_y` and `new_coords` as in Darknet's
    yolo_layer.c (`get_yolo_box`).
    """

    anchors: Anchors
    classes: int
    scale_x_y: float = 1.0
    new_coords: bool = False
    suppressed: bool = False

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head; the cfg's options differ between the families."""
        family = "YOLOv3"
        if self.new_coords:
            family = "scaled YOLOv4, or YOLOv7"
        elif self.scale_x_y != 1.0:
            family = "YOLOv4"
        return HeadSummary("yolo", family, (self.anchors,))

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes one output, `(1, A * (5 + classes), H, W)` float32; see `Head.decode`.

        The confidence of a box is its objectness times the probability of its class. Both are at
        most 1, so cells with an objectness up to `confidence` are skipped.
        """
        threshold = confidence if self.new_coords else logit(confidence)
        cells = Cells.select(raw[0], len(self.anchors), threshold)
        probability = _as_double if self.new_coords else sigmoid
        chosen = choose_classes(
            cells.values[:, 5:],
            confidence,
            multi_label=multi_label,
            objectness=probability(cells.values[:, 4]),
            activation=probability,
        )
        offsets = probability(cells.values[:, 0:2])
        sizes = cells.values[:, 2:4].astype(np.float64)
        sizes = (2 * sizes) ** 2 if self.new_coords else np.exp(sizes)
        return cells.candidates(
            offsets * self.scale_x_y - 0.5 * (self.scale_x_y - 1),
            sizes * np.array(self.anchors)[cells.anchor] / input_size,
            chosen,
        )


def _as_double(values: NDArray[np.floating]) -> NDArray[np.float64]:
    return values.astype(np.float64)
