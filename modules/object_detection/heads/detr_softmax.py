"""Queries with a probability for each class and for no object: DETR and YOLOS.

See `DetrSoftmaxHead`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..model_description import Description
from .candidates import Candidates, choose_classes
from .detr import require_queries
from .detr_feeding import DETR
from .evidence import Evidence
from .form import HeadForm, RecognisedHead
from .head import HeadSummary, Raw
from .probe import Probe
from .queries import (
    box_corners,
    class_of_columns,
    find_queries,
    numbers_of_names,
    query_evidence,
    refuse_coco_without_zero,
)


@dataclass(frozen=True)
class DetrSoftmaxHead:
    """A head with `(1, Q, columns + 1)` logits and `(1, Q, 4)` boxes of Q queries.

    The softmax of a query's logits is the probability of each column, and of no object in the end;
    see `post_process_object_detection` in transformers' image_processing_detr.py. class_of_column:
    the class of each column, -1 for columns that have none.
    """

    classes: int
    class_of_column: tuple[int, ...]
    suppressed: bool = True

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("detr-softmax", "DETR or YOLOS")

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes the logits and the boxes; see `Head.decode`."""
        logits, boxes = raw[0][0].astype(np.float64), raw[1][0]
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores = (powers / powers.sum(axis=1, keepdims=True))[:, :-1]
        chosen = choose_classes(scores, confidence, multi_label=multi_label)
        classes = np.array(self.class_of_column)[chosen.class_ids]
        return Candidates(
            box_corners(boxes[chosen.rows]),
            chosen.confidences.astype(np.float32),
            classes.astype(np.int32),
        ).select(classes >= 0)


def _fits(probe: Probe) -> bool:
    found = find_queries(probe)
    return found is not None and found.columns > 1


def _evidence(probe: Probe) -> Sequence[Evidence]:
    found = require_queries(probe)
    return query_evidence(probe, found, numbers_of_names(found.columns - 1))


def _create(probe: Probe, description: Description) -> RecognisedHead:
    found = require_queries(probe)
    if description.head is None:
        refuse_coco_without_zero(found.columns, probe.label_count)
    classes = class_of_columns(found.columns - 1, probe.label_count)
    return RecognisedHead(found.names, DetrSoftmaxHead(probe.label_count or 0, classes), DETR)


FORM = HeadForm(
    "detr-softmax",
    _create,
    _fits,
    _evidence,
    meaning="queries with logits whose softmax is the probability of each class, and of no object "
    "in the last column",
    families=dict.fromkeys(("detr", "yolos"), DETR),
)
