"""Rows of objects that the network has suppressed itself; see `EndToEndHead`.

YOLOv10, YOLO26, and exports with non-maximum suppression inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ..model_description import Description
from .candidates import Candidates
from .form import LETTERBOX, HeadForm, RecognisedHead
from .head import HeadSummary, Raw
from .probe import Output, Probe, require_main_output, require_probabilities, unknown_output
from .registry import known_outputs


@dataclass(frozen=True)
class EndToEndHead:
    """A head with one row per object, and the box as corners in pixels.

    `(1, N, 6)`: x0, y0, x1, y1, confidence, class, padded with rows of confidence 0 (Ultralytics'
    v10 and 26, or with nms=True). `(N, 7)`: batch, x0, y0, x1, y1, class, confidence (YOLOv6's and
    v7's --end2end with --max-wh).
    """

    classes: int
    suppressed: bool = True

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("end-to-end", "YOLOv10, YOLO26, or another that suppresses by itself")

    def decode(self, raw: Raw, input_size: tuple[int, int], confidence: float) -> Candidates:
        """Decodes one output; see `Head.decode`.

        Raises:
            ModelError: an object has a class without a name.
        """
        rows = _corner_rows(raw[0])
        rows = rows[rows[:, 4] > confidence]
        class_ids = rows[:, 5].astype(np.int32)
        if len(rows) and not (class_ids.min() >= 0 and class_ids.max() < self.classes):
            raise ModelError(
                f"the network found an object of class {class_ids.max()}, counted from 0; "
                f"there are names for {self.classes}"
            )
        boxes = rows[:, :4] / np.tile(input_size, 2)
        return Candidates(boxes.astype(np.float32), rows[:, 4].astype(np.float32), class_ids)


def _corner_rows(raw: NDArray[np.float32]) -> NDArray[np.float32]:
    """Brings either form to `(N, 6)`: x0, y0, x1, y1, confidence, class."""
    return raw[:, [1, 2, 3, 4, 6, 5]] if raw.ndim == 2 else raw[0]


def _matches(probe: Probe) -> bool:
    name = probe.main_output
    return name is not None and _columns(probe.outputs[name]) in ((2, 7), (3, 6))


def _columns(output: Output) -> tuple[int, int]:
    """Returns the number of dimensions and of columns; (0, 0) for other forms."""
    if output.ndim not in (2, 3) or (output.ndim == 3 and len(output) != 1):
        return 0, 0
    return output.ndim, output.shape[-1]


def _create(probe: Probe, _: Description) -> RecognisedHead:
    name = require_main_output(probe)
    if probe.label_count is None:
        raise ModelError(
            f"its output is {probe}, which does not show how many classes there are; "
            "put their names in a *.names next to it, one a line"
        )
    dimensions, columns = _columns(probe.outputs[name])
    # columns behind the class are ignored, but 7 columns must be the form of two dimensions
    if columns < 6 or (columns == 7) != (dimensions == 2):
        raise unknown_output(probe)
    rows = _corner_rows(probe.outputs[name])
    found = rows[rows[:, 4] > 0]
    require_probabilities(rows[:, 4], probe)
    whole = (found[:, 5] == np.round(found[:, 5])).all() and (found[:, 5] >= 0).all()
    if not whole or (len(found) and found[:, :4].max() <= 2):
        raise ModelError(
            f"its output {probe} is not rows of x0, y0, x1, y1 in pixels, confidence and class; "
            f"{known_outputs()}"
        )
    return RecognisedHead((name,), EndToEndHead(probe.label_count))


FORM = HeadForm(
    "end-to-end",
    _create,
    _matches,
    outputs="[1, N, 6] and [N, 7] with suppressed boxes",
    families=dict.fromkeys(("yolov10", "yolo26"), LETTERBOX),
    fallback=True,
)
