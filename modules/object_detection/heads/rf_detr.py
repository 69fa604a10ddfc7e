"""RF-DETR by its own exporter: queries like those of RT-DETR, with other columns and pixels."""

from __future__ import annotations

from collections.abc import Sequence

from ..model_description import Description
from .detr import DetrHead, require_queries
from .detr_feeding import DETR
from .evidence import Evidence, Level
from .form import HeadForm, RecognisedHead
from .probe import Probe
from .queries import (
    RF_DETR_NAMES,
    class_of_columns,
    find_queries,
    numbers_of_names,
    query_evidence,
    refuse_coco_without_zero,
)


def _fits(probe: Probe) -> bool:
    found = find_queries(probe)
    return found is not None and found.names == RF_DETR_NAMES


def _evidence(probe: Probe) -> Sequence[Evidence]:
    found = require_queries(probe)
    names = (*numbers_of_names(found.columns), found.columns - 1)
    named = Evidence(Level.OUTPUT_NAMES, "the outputs' names, dets and labels")
    return (named, *query_evidence(probe, found, names))


def _create(probe: Probe, description: Description) -> RecognisedHead:
    """Makes the head.

    A network that was trained on own classes has one column more, the last, which its own helper
    drops (rfdetr/export/_runtime/decode.py). Weights for COCO have its category ids as columns.
    """
    found = require_queries(probe)
    if description.head is None:
        refuse_coco_without_zero(found.columns, probe.label_count)
    columns = found.columns
    if probe.label_count == columns - 1:
        columns -= 1
    classes = class_of_columns(columns, probe.label_count)
    left_out = " and ".join(name for name in found.others if name in ("masks", "keypoints"))
    head = DetrHead(probe.label_count or 0, classes, "rf-detr", "RF-DETR", left_out)
    return RecognisedHead(found.names, head, DETR)


FORM = HeadForm(
    "rf-detr",
    _create,
    _fits,
    _evidence,
    meaning="RF-DETR's queries, whose last column is for no object unless it has a name",
    families={"rf-detr": DETR},
)
