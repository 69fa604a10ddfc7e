"""Rows of a box, its objectness and class probabilities: YOLOv5, YOLOv6, YOLOv7 and YOLOX.

Start at `ObjectnessHead`. The shape does not distinguish YOLOv6 from YOLOX with decoded boxes. The
values do: YOLOv6's exporter writes an objectness of 1 into every row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..model_description import Description
from ..preprocessing import DARKNET, Preprocessing
from .candidates import Candidates, best_class
from .form import LETTERBOX, HeadForm, RecognisedHead
from .grid import Grid
from .head import HeadSummary, Raw
from .probe import Probe, require_pixels, require_probabilities, require_table, unit_of_centres

YOLOX = Preprocessing(scale=1.0, channels="bgr", resize="letterbox-top-left")


@dataclass(frozen=True)
class ObjectnessHead:
    """A head with rows of centre x, centre y, width, height, objectness and probabilities.

    Boxes are in pixels of the input. objectness_only: the network has one class, its probability
    was never trained, and the confidence is the objectness alone, as in YOLOv5 and v7
    (non_max_suppression in YOLOv7's general.py).
    """

    classes: int
    objectness_only: bool = False
    suppressed: bool = False

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("objectness", "YOLOv5, YOLOv6, YOLOv7 or YOLOX")

    def decode(self, raw: Raw, input_size: tuple[int, int], confidence: float) -> Candidates:
        """Decodes one output, `(1, N, 5 + classes)`; see `Head.decode`."""
        rows = raw[0][0, raw[0][0, :, 4] > confidence]
        return decode_rows(rows, input_size, confidence, objectness_only=self.objectness_only)


def decode_rows(
    rows: NDArray[np.float32],
    input_size: tuple[int, int],
    confidence: float,
    *,
    objectness_only: bool = False,
) -> Candidates:
    """Decodes `(N, 5 + classes)` rows with boxes in pixels; keeps those above `confidence`."""
    class_ids, best = best_class(rows[:, 5:])
    confidences = rows[:, 4] if objectness_only else rows[:, 4] * best
    found = Candidates.from_centres(
        rows[:, 0:2], rows[:, 2:4], confidences, class_ids, unit=input_size
    )
    return found.select(confidences > confidence)


def has_rows_of_boxes(probe: Probe) -> bool:
    """Returns whether the main output has a row of at least 6 numbers for each cell or anchor."""
    rows = probe.table
    return (
        rows is not None
        and rows.shape[1] > 5
        and any(Grid.with_boxes(len(rows), probe.input_size, per_cell) for per_cell in (1, 3))
    )


def has_offsets(probe: Probe) -> bool:
    """Returns whether the main output has a row for each cell, with centres relative to it.

    YOLOX without its last step exports such rows.
    """
    rows = probe.table
    grid = None if rows is None else Grid.with_boxes(len(rows), probe.input_size, 1)
    return rows is not None and grid is not None and unit_of_centres(rows[:, :2], grid) == "offsets"


def _matches(probe: Probe) -> bool:
    return has_rows_of_boxes(probe) and not has_offsets(probe)


def _create(probe: Probe, description: Description) -> RecognisedHead:
    name, rows = require_table(probe, columns=6)
    require_probabilities(rows[:, 4:], probe)
    classes = rows.shape[1] - 5
    one_per_cell = Grid.with_boxes(len(rows), probe.input_size, 1)
    grid = one_per_cell or Grid.with_boxes(len(rows), probe.input_size, 3)
    if description.head is None and grid is not None:
        require_pixels(rows[:, :2], grid, probe)
    if one_per_cell is None:
        # only YOLOv5 and v7 have several boxes per cell; model.json can name another head
        alone = description.head is None and classes == 1
        return RecognisedHead((name,), ObjectnessHead(classes, objectness_only=alone))
    is_yolov6 = (rows[:, 4] > 0.999).all()
    return RecognisedHead((name,), ObjectnessHead(classes), LETTERBOX if is_yolov6 else YOLOX)


FORM = HeadForm(
    "objectness",
    _create,
    _matches,
    outputs="[1, N, 5 + classes] with a row for each cell or anchor",
    families={**dict.fromkeys(("yolov5", "yolov6", "yolov7"), LETTERBOX), "darknet": DARKNET},
)
