"""Rows of a box, its objectness and class probabilities: YOLOv5, YOLOv6, YOLOv7 and YOLOX.

Start at `ObjectnessHead`. The shape does not distinguish YOLOv6 from YOLOX with decoded boxes. The
values do: YOLOv6's exporter writes an objectness of 1 into every row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..model_description import Description
from ..preprocessing import DARKNET, Preprocessing
from .candidates import Candidates, choose_classes
from .corner_rows import find_columns, has_objects
from .evidence import Evidence, Level
from .form import LETTERBOX, HeadForm, RecognisedHead
from .grid import Grid
from .head import HeadSummary, Raw
from .nanodet import has_distributions
from .plausibility import require_probabilities_above
from .probe import (
    Probe,
    require_pixels,
    require_probabilities,
    require_table,
    shape_evidence,
    unit_of_centres,
)

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

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes one output, `(1, N, 5 + classes)`; see `Head.decode`."""
        rows = raw[0][0, raw[0][0, :, 4] > confidence]
        return decode_rows(
            rows,
            input_size,
            confidence,
            multi_label=multi_label,
            objectness_only=self.objectness_only,
        )


def decode_rows(
    rows: NDArray[np.float32],
    input_size: tuple[int, int],
    confidence: float,
    *,
    multi_label: bool,
    objectness_only: bool = False,
) -> Candidates:
    """Decodes `(N, 5 + classes)` rows with boxes in pixels; keeps those above `confidence`."""
    require_probabilities_above(rows[:, 4:])
    scores = np.ones_like(rows[:, 5:]) if objectness_only else rows[:, 5:]
    chosen = choose_classes(scores, confidence, multi_label=multi_label, objectness=rows[:, 4])
    boxes = rows[chosen.rows]
    return Candidates.from_centres(
        boxes[:, 0:2], boxes[:, 2:4], chosen.confidences, chosen.class_ids, unit=input_size
    )


def has_rows_of_boxes(probe: Probe, *, per_cell: tuple[int, ...] = (1, 3)) -> bool:
    """Returns whether the main output has a row of at least 6 numbers for each cell or anchor."""
    rows = probe.table
    return (
        rows is not None
        and rows.shape[1] > 5
        and any(Grid.with_boxes(len(rows), probe.input_size, count) for count in per_cell)
    )


def row_evidence(
    probe: Probe, unit: Literal["pixels", "offsets"], reason: str
) -> tuple[Evidence, ...]:
    """Returns what the values say about rows of box, objectness and probabilities.

    Nothing follows from zeros. Probabilities are sigmoids, so a column of whole numbers is none.

    Args:
        probe: its main output has such rows.
        unit: of the boxes' centres.
        reason: what to say if the centres have that unit.
    """
    rows = probe.table
    if rows is None or not rows.any():
        return ()
    if rows.shape[1] == 6 and not has_objects(rows):
        return ()
    if rows.shape[1] == 6 and find_columns(rows) is not None:
        against = "its rows are corners in order, scores and whole classes"
    elif has_distributions(probe):
        against = "its last 32 numbers are logits of distances, not probabilities"
    elif _has_class_numbers(rows[:, 4:]):
        against = "it holds whole classes, not probabilities"
    else:
        grids = (Grid.with_boxes(len(rows), probe.input_size, count) for count in (1, 3))
        grid = next(grid for grid in grids if grid is not None)
        found = unit_of_centres(rows[:, :2], grid.corners)
        if found == unit:
            return (Evidence(Level.VALUES, reason),)
        if "offsets" not in (found, unit):
            return ()  # `_create` refuses another unit, and says why
        against = f"it does not hold {reason}"
    return (Evidence(Level.VALUES, against, speaks_for=False),)


def _has_class_numbers(scores: NDArray[np.float32]) -> bool:
    """Returns whether `(N, 1 + classes)` holds a score and a class instead of probabilities.

    With two classes, the objectness follows (DeepStream-Yolo's old exporters).
    """
    if scores.shape[1] == 2:
        return bool(scores[:, 0].any()) and _are_numbers(scores[:, 1])
    return scores.shape[1] == 3 and _are_numbers(scores[:, 1]) and not _are_numbers(scores[:, 2])


def _are_numbers(column: NDArray[np.float32]) -> bool:
    """Returns whether all values are whole, and not all of them 1, to which a sigmoid may round."""
    return bool((column == np.round(column)).all() and (column != 1).any())


def _evidence(probe: Probe) -> tuple[Evidence, ...]:
    classes = require_table(probe)[1].shape[1] - 5
    return (
        *row_evidence(probe, "pixels", "boxes at their cells"),
        shape_evidence(probe, classes, "a row for each cell or anchor"),
    )


def _fits(probe: Probe) -> bool:
    return has_rows_of_boxes(probe)


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
    _fits,
    _evidence,
    outputs="[1, N, 5 + classes] with a row for each cell or anchor",
    meaning="a box, its objectness and class probabilities in each row",
    families={**dict.fromkeys(("yolov5", "yolov6", "yolov7"), LETTERBOX), "darknet": DARKNET},
)
