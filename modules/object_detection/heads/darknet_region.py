"""Darknet's `[region]`: YOLOv2 and YOLO9000; see `RegionHead`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .candidates import Candidates, ChosenClasses, choose_classes, sigmoid
from .darknet_cells import Cells, logit
from .head import Anchors, HeadSummary, Raw

if TYPE_CHECKING:
    from ..darknet.tree import ClassTree  # the importer imports this module


@dataclass(frozen=True)
class RegionHead:
    """A head like `[yolo]`, with a softmax over the classes.

    anchors: (width, height) in cells. tree: the classes of YOLO9000, or None. With a tree, the
    confidence of a box is its objectness alone, and its class is the most specific one that is
    probable enough (`ClassTree.best_classes`). Formulas: YOLO9000 (Redmon and Farhadi, 2016),
    sections 2 and 4; region_layer.c (`get_region_box`, `get_region_detections`).
    """

    anchors: Anchors
    classes: int
    tree: ClassTree | None = None
    suppressed: bool = False

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("region", "YOLOv2", (self.anchors,), anchors_in_cells=True)

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes one output, `(1, A * (5 + classes), H, W)` float32 logits; see `Head.decode`."""
        cells = Cells.select(raw[0], len(self.anchors), logit(confidence))
        logits = cells.values[:, 5:].astype(np.float64)
        objectness = sigmoid(cells.values[:, 4])
        if self.tree is None:
            chosen = choose_classes(
                _softmax(logits), confidence, multi_label=multi_label, objectness=objectness
            )
        else:  # Darknet never gives a box several classes of a tree
            (rows,) = np.nonzero(objectness > confidence)
            class_ids = self.tree.best_classes(logits[rows])
            chosen = ChosenClasses(rows, class_ids, objectness[rows])
        sizes = np.exp(cells.values[:, 2:4].astype(np.float64))
        return cells.candidates(
            sigmoid(cells.values[:, 0:2]),
            sizes * np.array(self.anchors)[cells.anchor] / (cells.width, cells.height),
            chosen,
        )


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Computes the softmax of each row of `(N, classes)`."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return softmax
