"""The raw levels of YOLOv5 and YOLOv7 without their last step; see `AnchorHead`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ..model_description import Description
from .candidates import Candidates, choose_classes, sigmoid
from .form import HeadForm, RecognisedHead
from .head import Anchors, HeadSummary, Raw
from .probe import Probe


@dataclass(frozen=True)
class AnchorHead:
    """A head with 5 + classes logits for each anchor and cell; each level is an output.

    anchors: for each output, (width, height) in pixels of the input. Formulas: `Detect.forward` in
    YOLOv5's models/yolo.py.
    """

    anchors: tuple[Anchors, ...]
    classes: int
    suppressed: bool = False

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("anchors", "YOLOv5 or YOLOv7 without their last step", self.anchors)

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes one output for each level; see `Head.decode`.

        Each output is `(1, A, H, W, 5 + classes)` or `(1, A * (5 + classes), H, W)`.
        """
        return Candidates.concatenate(
            [
                self._decode_level(output, np.array(anchors), input_size, confidence, multi_label)
                for output, anchors in zip(raw, self.anchors, strict=True)
            ]
        )

    def _decode_level(
        self,
        output: NDArray[np.float32],
        anchors: NDArray[np.float64],
        input_size: tuple[int, int],
        confidence: float,
        multi_label: bool,
    ) -> Candidates:
        if output.ndim == 4:
            _, _, height, width = output.shape
            output = output.reshape(1, len(anchors), -1, height, width).transpose(0, 1, 3, 4, 2)
        objectness = sigmoid(output[0, ..., 4])
        anchor, row, column = np.nonzero(objectness > confidence)
        values = sigmoid(output[0, anchor, row, column])
        scores = np.ones_like(values[:, 5:]) if self.classes == 1 else values[:, 5:]
        chosen = choose_classes(
            scores, confidence, multi_label=multi_label, objectness=values[:, 4]
        )
        strides = np.array(input_size) / (output.shape[3], output.shape[2])
        centres = (values[:, 0:2] * 2 - 0.5 + np.stack([column, row], axis=1)) * strides
        sizes = (values[:, 2:4] * 2) ** 2 * anchors[anchor]
        return Candidates.from_centres(
            centres[chosen.rows],
            sizes[chosen.rows],
            chosen.confidences,
            chosen.class_ids,
            unit=input_size,
        )


def _create(probe: Probe, description: Description) -> RecognisedHead:
    anchors = description.anchors
    if anchors is None or len(anchors) != len(probe.outputs):
        raise ModelError(
            f"model.json must give `anchors`, a list for each of the outputs {probe}; "
            f"it has {len(anchors or ())}"
        )
    sizes = set()
    for output, level in zip(probe.outputs.values(), anchors, strict=True):
        _, channels, *rest = output.shape if output.ndim in (4, 5) else (0, 0)
        numbers = channels * (rest[2] if output.ndim == 5 else 1) / len(level)
        fits = output.ndim == 4 or channels == len(level)
        sizes.add(int(numbers) if fits and numbers == int(numbers) else 0)
    if len(sizes) != 1 or min(sizes) < 6:
        raise ModelError(
            f"the outputs {probe} are not [1, anchors, H, W, 5 + classes], or "
            "[1, anchors * (5 + classes), H, W], with the anchors of model.json"
        )
    return RecognisedHead(tuple(probe.outputs), AnchorHead(anchors, sizes.pop() - 5))


# never recognised by its outputs: they do not hold the anchors, which model.json must give
FORM = HeadForm("anchors", _create)
