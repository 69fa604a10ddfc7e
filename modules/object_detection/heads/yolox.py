"""YOLOX without its last step: rows whose boxes are offsets within their cells; see `YoloxHead`.

YOLOX with its last step has decoded boxes, in pixels; objectness.py reads those.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ModelError
from ..model_description import Description
from .candidates import Candidates
from .evidence import Evidence
from .form import HeadForm, RecognisedHead
from .grid import Grid
from .head import HeadSummary, Raw
from .objectness import YOLOX, decode_rows, has_rows_of_boxes, row_evidence
from .probe import Probe, require_probabilities, require_table, shape_evidence


@dataclass(frozen=True)
class YoloxHead:
    """A head with a row of centre, size, objectness and class probabilities for each cell.

    Centres are offsets from the cell's top-left corner, and sizes are logarithms, both in cells
    (demo_postprocess in YOLOX's demo_utils.py).
    """

    classes: int
    grid: Grid
    suppressed: bool = False

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("yolox", "YOLOX without its last step")

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes one output, `(1, N, 5 + classes)`; see `Head.decode`."""
        passed = raw[0][0, :, 4] > confidence
        rows = raw[0][0, passed]  # a copy
        strides = self.grid.strides_of_boxes[passed, np.newaxis]
        rows[:, 0:2] = rows[:, 0:2] * strides + self.grid.corners[passed]
        rows[:, 2:4] = np.exp(rows[:, 2:4]) * strides
        return decode_rows(rows, input_size, confidence, multi_label=multi_label)


def _fits(probe: Probe) -> bool:
    return has_rows_of_boxes(probe, per_cell=(1,))


def _evidence(probe: Probe) -> tuple[Evidence, ...]:
    return (
        *row_evidence(probe, "offsets", "centres relative to their cells"),
        shape_evidence(probe, require_table(probe)[1].shape[1] - 5, "a row for each cell"),
    )


def _create(probe: Probe, _: Description) -> RecognisedHead:
    name, rows = require_table(probe, columns=6)
    require_probabilities(rows[:, 4:], probe)
    grid = Grid.with_boxes(len(rows), probe.input_size, 1)
    if grid is None:
        raise ModelError(f"its output {probe} does not have one row for each cell, as YOLOX has")
    return RecognisedHead((name,), YoloxHead(rows.shape[1] - 5, grid), YOLOX)


FORM = HeadForm(
    "yolox",
    _create,
    _fits,
    _evidence,
    meaning="offsets within cells, objectness and class probabilities in each row",
    families={"yolox": YOLOX},
)
