"""Rows of objects that the network has suppressed itself; see `EndToEndHead`.

YOLOv10, YOLO26, and exports with non-maximum suppression inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..model_description import Description
from .candidates import Candidates
from .corner_rows import Columns, columns_in_name, decode
from .evidence import Evidence, Level
from .exporter_metadata import list_evidence
from .form import LETTERBOX, HeadForm, RecognisedHead
from .head import HeadSummary, Raw
from .object_table import find_table, has_ties, read_columns, value_evidence
from .probe import Probe


@dataclass(frozen=True)
class EndToEndHead:
    """A head with one row per object, and the box as corners in pixels.

    `(1, N, 6)`: x1, y1, x2, y2, score, class, padded with rows of zeros (Ultralytics' v10 and 26,
    or with nms=True). `(N, 7)`: batch, x1, y1, x2, y2, class, score (YOLOv6's and v7's --end2end
    with --max-wh). columns: their order if it is another; None to find it in every image's values.
    """

    classes: int
    columns: Columns | None = None
    suppressed: bool = True

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("end-to-end", "YOLOv10, YOLO26, or another that suppresses by itself")

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
    found = find_table(probe)
    return found is not None and (found.dimensions, found.width) in ((2, 7), (3, 6))


def _evidence(probe: Probe) -> Sequence[Evidence]:
    found = find_table(probe)
    if found is None:
        return ()
    evidence = [*list_evidence(probe.metadata), *value_evidence(probe, found, "suppressed")]
    if columns_in_name(found.name):
        evidence.append(Evidence(Level.OUTPUT_NAMES, f"the output's name, {found.name}"))
    if not has_ties(found):
        evidence.append(Evidence(Level.SHAPES, "the shape of its output"))
    return evidence


def _create(probe: Probe, description: Description) -> RecognisedHead:
    name, columns, classes = read_columns(probe, description)
    return RecognisedHead((name,), EndToEndHead(classes, columns))


FORM = HeadForm(
    "end-to-end",
    _create,
    _fits,
    _evidence,
    outputs="[1, N, 6] and [N, 7] with suppressed boxes",
    meaning="a list of objects that the network has suppressed itself",
    families=dict.fromkeys(("yolov10", "yolo26"), LETTERBOX),
)
