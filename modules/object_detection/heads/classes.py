"""Columns of a box and class probabilities: YOLOv8, YOLOv9, YOLO11 and YOLO12; see `ClassHead`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..model_description import Description
from .candidates import Candidates, choose_classes
from .corner_rows import find_columns
from .evidence import Evidence, Level
from .exporter_metadata import is_ultralytics
from .form import LETTERBOX, HeadForm, RecognisedHead
from .grid import Grid
from .head import HeadSummary, Raw
from .plausibility import require_probabilities_above
from .probe import Probe, require_pixels, require_probabilities, require_table, shape_evidence


@dataclass(frozen=True)
class ClassHead:
    """A head with columns of centre x, centre y, width, height, in pixels, and probabilities.

    Ultralytics' `Detect` and YOLOv9's `DDetect` have such outputs.
    """

    classes: int
    suppressed: bool = False

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("classes", "YOLOv8, YOLOv9, YOLO11 or YOLO12")

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes one output, `(1, 4 + classes, N)`; see `Head.decode`."""
        scores = raw[0][0, 4:]
        (passed,) = np.nonzero(scores.max(axis=0) > confidence)
        require_probabilities_above(scores[:, passed])
        chosen = choose_classes(scores[:, passed].T, confidence, multi_label=multi_label)
        boxes = raw[0][0, :4].T[passed[chosen.rows]]
        return Candidates.from_centres(
            boxes[:, 0:2], boxes[:, 2:4], chosen.confidences, chosen.class_ids, unit=input_size
        )


def _fits(probe: Probe) -> bool:
    table = probe.table
    return (
        table is not None
        and len(table) > 4
        and Grid.with_boxes(table.shape[1], probe.input_size, 1) is not None
    )


def _evidence(probe: Probe) -> tuple[Evidence, ...]:
    _, table = require_table(probe)
    evidence: list[Evidence] = []
    task = probe.metadata.get("task", "detect")
    if task != "detect":
        reason = f"`task` in the metadata, {task}"
        evidence.append(Evidence(Level.METADATA, reason, speaks_for=False))
    elif is_ultralytics(probe.metadata):
        evidence.append(Evidence(Level.METADATA, "`author` in the metadata"))
    if len(table) < 8 and find_columns(table.T) is not None:
        reason = "its rows are the columns of a list of objects, with whole classes"
        evidence.append(Evidence(Level.VALUES, reason, speaks_for=False))
    return (*evidence, shape_evidence(probe, len(table) - 4, "a column for each cell"))


def _create(probe: Probe, description: Description) -> RecognisedHead:
    name, table = require_table(probe, rows=5)
    require_probabilities(table[4:], probe)
    grid = Grid.with_boxes(table.shape[1], probe.input_size, 1)
    if grid is not None and description.head is None:
        require_pixels(table[:2].T, grid, probe)
    return RecognisedHead((name,), ClassHead(len(table) - 4))


FORM = HeadForm(
    "classes",
    _create,
    _fits,
    _evidence,
    outputs="[1, 4 + classes, N] with a column for each cell",
    meaning="a box and class probabilities for each column",
    families=dict.fromkeys(("yolov8", "yolov9", "yolo11", "yolo12"), LETTERBOX),
)
