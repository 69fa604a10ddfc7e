"""Class probabilities and distributions of distances: NanoDet, NanoDet-Plus; see `NanodetHead`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...errors import ModelError
from ..model_description import Description
from ..preprocessing import Preprocessing
from .candidates import Candidates, choose_classes
from .corner_lists import are_probabilities
from .evidence import Evidence, Level
from .family_choice import require_family
from .form import HeadForm, RecognisedHead
from .grid import Grid
from .head import HeadSummary, Raw
from .plausibility import require_probabilities_above
from .probe import Probe, require_table, shape_evidence

BINS = 8  # of the distribution of a distance, reg_max + 1 in every configuration
_NUMBERS = 4 * BINS
_PLUS_LEVELS = 4  # NanoDet-Plus has strides up to 64; NanoDet, up to 32

# config/nanodet-plus-m_320.yml (`keep_ratio: False`) and config/nanodet-m.yml (`keep_ratio: True`,
# padded with black by cv2.warpPerspective) of NanoDet; colours in the order of BGR
PLUS = Preprocessing(
    scale=1.0, channels="bgr", mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395)
)
FIRST = replace(PLUS, resize="letterbox", padding=0)
_FAMILIES = {"nanodet-plus": PLUS, "nanodet": FIRST}


@dataclass(frozen=True)
class NanodetHead:
    """A head with a row of class probabilities and 4 x 8 logits for each cell.

    The softmax of 8 logits is the distribution of a distance from the cell's point to a side of the
    box, in cells. The point is the cell's corner in NanoDet-Plus (nanodet_plus_head.py), and its
    centre in NanoDet (gfl_head.py): `offset`, in cells.
    """

    classes: int
    grid: Grid
    offset: float = 0.0
    suppressed: bool = False

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("nanodet", "NanoDet" if self.offset else "NanoDet-Plus")

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes one output, `(1, N, classes + 32)`; see `Head.decode`.

        Boxes are cut off at the input's edges, as in `distance2bbox` of the project.
        """
        scores = raw[0][0, :, : self.classes]
        (passed,) = np.nonzero(scores.max(axis=1) > confidence)
        require_probabilities_above(scores[passed])
        chosen = choose_classes(scores[passed], confidence, multi_label=multi_label)
        rows = passed[chosen.rows]
        logits = raw[0][0, rows, self.classes :].reshape(-1, 4, BINS).astype(np.float64)
        weights = np.exp(logits - logits.max(axis=2, keepdims=True))
        distances = weights @ np.arange(BINS) / weights.sum(axis=2)
        strides = self.grid.strides_of_boxes[rows, np.newaxis]
        points = np.tile(self.grid.corners[rows] + self.offset * strides, 2)
        corners = points + distances * strides * (-1, -1, 1, 1)
        boxes = corners.clip(0, np.tile(input_size, 2)) / np.tile(input_size, 2)
        return Candidates(
            boxes.astype(np.float32),
            chosen.confidences.astype(np.float32),
            chosen.class_ids.astype(np.int32),
        )


def _grid(probe: Probe) -> Grid | None:
    """Returns the cells that the rows belong to; None if the output has another shape."""
    table = probe.table
    if table is None or table.shape[1] <= _NUMBERS:
        return None
    grid = Grid.with_boxes(len(table), probe.input_size, 1)
    return grid if grid is not None and grid.strides[0] == 8 else None


def has_distributions(probe: Probe) -> bool:
    """Returns whether the main output holds probabilities, and then logits of distributions.

    YOLOX without its last step has as many rows, but ends in probabilities.
    """
    table = probe.table
    return (
        table is not None
        and _grid(probe) is not None
        and are_probabilities(table[:, :-_NUMBERS])
        and not are_probabilities(table[:, -_NUMBERS:])
    )


def _fits(probe: Probe) -> bool:
    table = probe.table
    return has_distributions(probe) or (_grid(probe) is not None and not np.any(table))


def _evidence(probe: Probe) -> tuple[Evidence, ...]:
    _, table = require_table(probe)
    shape = shape_evidence(probe, table.shape[1] - _NUMBERS, "a row for each cell")
    if not table.any():
        return (shape,)
    return (Evidence(Level.VALUES, "probabilities, and then logits of distances"), shape)


def _create(probe: Probe, description: Description) -> RecognisedHead:
    name, table = require_table(probe, columns=_NUMBERS + 1)
    grid = _grid(probe)
    if grid is None:
        raise ModelError(
            f"its output {probe} does not have one row for each cell of strides 8, 16, 32 and, in "
            "NanoDet-Plus, 64"
        )
    if table.any() and not are_probabilities(table[:, :-_NUMBERS]):
        raise ModelError(f"its output {probe} does not begin with probabilities")
    is_plus = len(grid.strides) == _PLUS_LEVELS
    preprocessing = PLUS if is_plus else require_family(probe, description, _FAMILIES)
    is_first = not is_plus and description.family == "nanodet"
    head = NanodetHead(table.shape[1] - _NUMBERS, grid, offset=0.5 if is_first else 0.0)
    return RecognisedHead((name,), head, preprocessing)


FORM = HeadForm(
    "nanodet",
    _create,
    _fits,
    _evidence,
    outputs="[1, N, classes + 32] with a row for each cell",
    meaning="class probabilities and logits of distances in each row",
    families=_FAMILIES,
)
