"""Rows of a box, a score and a class: RT-DETR by Ultralytics since 8.4; see `DetrListHead`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..model_description import Description
from .candidates import Candidates
from .corner_lists import (
    are_probabilities,
    are_whole,
    decode_lists,
    in_order,
    require_label_count,
)
from .detr_feeding import RT_DETR
from .evidence import Evidence, Level
from .exporter_metadata import states_rt_detr
from .form import HeadForm, RecognisedHead
from .head import HeadSummary, Raw
from .probe import Probe, require_table
from .queries import box_corners


@dataclass(frozen=True)
class DetrListHead:
    """A head with `(1, N, 6)`: centre x, centre y, width, height, probability, class.

    1.0 is the input's width or height. The network has chosen the N most probable pairs of a query
    and a class; see `RTDETRDecoder` in Ultralytics' nn/modules/head.py.
    """

    classes: int
    suppressed: bool = True

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("detr-list", "RT-DETR by Ultralytics, since 8.4")

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
            ModelError: a class is not a whole number.
        """
        rows = raw[0][0]
        return decode_lists(box_corners(rows[:, :4]), rows[:, 4], rows[:, 5], (1, 1), confidence)


def _fits(probe: Probe) -> bool:
    # it has as many rows for every image; other lists may have none
    return probe.table is not None and probe.table.shape[1] == 6 and len(probe.table) > 0


def _evidence(probe: Probe) -> Sequence[Evidence]:
    _, table = require_table(probe, columns=6)
    evidence = []
    if states_rt_detr(probe.metadata):
        evidence.append(Evidence(Level.METADATA, "RT-DETR in the metadata"))
    if not is_list(table):
        reason = "its rows are not a box from 0 to 1, a score that falls and a whole class"
        evidence.append(Evidence(Level.VALUES, reason, speaks_for=False))
    elif in_order(table[:, :4]):
        reason = "its boxes from 0 to 1 may be corners"
        evidence.append(Evidence(Level.VALUES, reason, speaks_for=False))
    else:
        reason = "whole classes, centres and sizes from 0 to 1, and scores that fall"
        evidence.append(Evidence(Level.VALUES, reason))
    return evidence


def is_list(table: NDArray[np.float32]) -> bool:
    """Returns whether each row of `(N, 6)` may hold a box from 0 to 1, a score and a class.

    The scores must fall from row to row, and the classes be whole numbers.
    """
    fall = bool((np.diff(table[:, 4]) <= 0).all())
    return are_probabilities(table[:, :5]) and are_whole(table[:, 5]) and fall


def _create(probe: Probe, description: Description) -> RecognisedHead:
    name, _ = require_table(probe, columns=6)
    return RecognisedHead((name,), DetrListHead(require_label_count(probe)), RT_DETR)


FORM = HeadForm(
    "detr-list",
    _create,
    _fits,
    _evidence,
    meaning="a box from 0 to 1, a score and a class in each row",
)
