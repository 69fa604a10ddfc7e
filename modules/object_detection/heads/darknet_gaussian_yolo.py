"""Darknet's `[Gaussian_yolo]`: Gaussian YOLOv3; see `GaussianYoloHead`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .candidates import Candidates, choose_classes, sigmoid
from .darknet_cells import Cells, logit
from .head import Anchors, HeadSummary, Raw


@dataclass(frozen=True)
class GaussianYoloHead:
    """A head like `[yolo]`, with an uncertainty for each of tx, ty, tw and th.

    The mean of the four uncertainties, 0 to 1, lowers the confidence. anchors: (width, height) in
    pixels of the network's input. Formulas: Gaussian YOLOv3 (Choi et al., 2019), section 3;
    gaussian_yolo_layer.c (`get_gaussian_yolo_detections`).
    """

    anchors: Anchors
    classes: int
    scale_x_y: float = 1.0
    suppressed: bool = False

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("Gaussian_yolo", "YOLOv3", (self.anchors,))

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes one output, `(1, A * (9 + classes), H, W)` float32 logits; see `Head.decode`."""
        cells = Cells.select(raw[0], len(self.anchors), logit(confidence), objectness=8)
        certainty = 1 - sigmoid(cells.values[:, 1:8:2]).mean(axis=1)
        sizes = np.exp(cells.values[:, 4:8:2].astype(np.float64))
        return cells.candidates(
            sigmoid(cells.values[:, 0:4:2]) * self.scale_x_y - 0.5 * (self.scale_x_y - 1),
            sizes * np.array(self.anchors)[cells.anchor] / input_size,
            choose_classes(
                cells.values[:, 9:],
                confidence,
                multi_label=multi_label,
                objectness=sigmoid(cells.values[:, 8]) * certainty,
                activation=sigmoid,
            ),
        )
