"""A row for each cell, with corners, the best score and its class; see `CornerHead`."""

from __future__ import annotations

from dataclasses import dataclass

from ..model_description import Description
from .candidates import Candidates
from .corner_rows import Columns, decode
from .evidence import Evidence, Level
from .exporter_metadata import list_evidence
from .form import HeadForm, RecognisedHead
from .head import HeadSummary, Raw
from .object_table import find_grid, find_table, read_columns, value_evidence
from .probe import Probe


@dataclass(frozen=True)
class CornerHead:
    """A head like `EndToEndHead`, but with a row for each cell or anchor, not suppressed.

    `(1, N, 6)`: x1, y1, x2, y2 in pixels, score, class; DeepStream-Yolo's exporters write it
    (DeepStreamOutput in utils/export_yolo11.py). columns: as in `EndToEndHead`.
    """

    classes: int
    columns: Columns | None = None
    suppressed: bool = False

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("corners", "a YOLO exported for DeepStream")

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes one output; see `Head.decode`.

        Raises:
            ModelError: the order of the columns cannot be found, or a class is not whole.
        """
        table = raw[0] if raw[0].ndim == 2 else raw[0][0]
        return decode(table, self.columns, input_size, confidence)


def _fits(probe: Probe) -> bool:
    return probe.table is not None and probe.table.shape[1] == 6


def _evidence(probe: Probe) -> tuple[Evidence, ...]:
    found = find_table(probe)
    if found is None:
        return ()
    stated = [item for item in list_evidence(probe.metadata) if not item.speaks_for]
    evidence = (*stated, *value_evidence(probe, found, "per cell"))
    if find_grid(found.rows, probe) is None:
        return evidence
    return (*evidence, Evidence(Level.SHAPES, "a row for each cell or anchor"))


def _create(probe: Probe, description: Description) -> RecognisedHead:
    name, columns, classes = read_columns(probe, description)
    return RecognisedHead((name,), CornerHead(classes, columns))


FORM = HeadForm(
    "corners",
    _create,
    _fits,
    _evidence,
    outputs="[1, N, 6] with corners, score and class for each cell or anchor",
    meaning="corners, score and class for each cell or anchor, not suppressed",
)
