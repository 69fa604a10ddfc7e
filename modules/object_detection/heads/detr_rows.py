"""Rows of a box and class probabilities: RT-DETR by older versions of Ultralytics.

See `DetrRowHead`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..model_description import Description
from .candidates import Candidates, choose_classes
from .corner_lists import are_probabilities, in_order
from .detr_feeding import RT_DETR
from .detr_list import is_list
from .evidence import Evidence, Level
from .exporter_metadata import states_rt_detr
from .form import HeadForm, RecognisedHead
from .head import HeadSummary, Raw
from .plausibility import require_probabilities_above
from .probe import Probe, require_table
from .queries import box_corners


@dataclass(frozen=True)
class DetrRowHead:
    """A head with `(1, Q, 4 + classes)`: centre x, centre y, width, height, and probabilities.

    1.0 is the input's width or height; see `RTDETRDecoder` and models/rtdetr/predict.py of
    Ultralytics up to 8.4.
    """

    classes: int
    suppressed: bool = True

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("detr-rows", "RT-DETR by Ultralytics, up to 8.4")

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes one output; see `Head.decode`."""
        rows = raw[0][0]
        chosen = choose_classes(rows[:, 4:], confidence, multi_label=multi_label)
        require_probabilities_above(chosen.confidences)
        return Candidates(
            box_corners(rows[chosen.rows, :4]), chosen.confidences, chosen.class_ids.astype("int32")
        )


def _fits(probe: Probe) -> bool:
    table = probe.table
    if table is None or len(table) == 0:  # it has as many rows for every image
        return False
    return bool(table.shape[1] > 4 and probe.label_count == table.shape[1] - 4)


def _evidence(probe: Probe) -> Sequence[Evidence]:
    _, table = require_table(probe, columns=5)
    evidence = []
    if states_rt_detr(probe.metadata):
        evidence.append(Evidence(Level.METADATA, "RT-DETR in the metadata"))
    if not are_probabilities(table):
        reason = "its boxes and probabilities are not from 0 to 1"
        evidence.append(Evidence(Level.VALUES, reason, speaks_for=False))
    elif table.shape[1] == 6 and is_list(table):
        reason = "its rows end in a score that falls and a whole class"
        evidence.append(Evidence(Level.VALUES, reason, speaks_for=False))
    elif in_order(table[:, :4]):
        reason = "its boxes from 0 to 1 may be corners"
        evidence.append(Evidence(Level.VALUES, reason, speaks_for=False))
    else:
        reason = "centres, sizes and probabilities from 0 to 1"
        evidence.append(Evidence(Level.VALUES, reason))
    return evidence


def _create(probe: Probe, description: Description) -> RecognisedHead:
    name, table = require_table(probe, columns=5)
    return RecognisedHead((name,), DetrRowHead(table.shape[1] - 4), RT_DETR)


FORM = HeadForm(
    "detr-rows",
    _create,
    _fits,
    _evidence,
    outputs="[1, Q, 4 + classes] and [1, Q, 6] of RT-DETR by Ultralytics",
    meaning="a box from 0 to 1 and class probabilities in each row",
)
