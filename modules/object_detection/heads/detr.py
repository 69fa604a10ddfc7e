"""Queries with a probability for each class: RT-DETR, D-FINE, DEIMv2, Conditional DETR.

See `DetrHead`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..model_description import Description
from .candidates import Candidates, sigmoid
from .detr_feeding import DETR, RT_DETR, detr_feeding
from .evidence import Evidence
from .form import HeadForm, RecognisedHead
from .head import HeadSummary, Raw
from .probe import Probe, unknown_output
from .queries import (
    Queries,
    box_corners,
    class_of_columns,
    find_queries,
    numbers_of_names,
    query_evidence,
)


@dataclass(frozen=True)
class DetrHead:
    """A head with `(1, Q, columns)` logits and `(1, Q, 4)` boxes of Q queries.

    A query counts for each class that is probable, and of all pairs of a query and a class the Q
    most probable ones count, as in `post_process_object_detection` of transformers, in RT-DETR's
    and D-FINE's postprocessor.py and in rfdetr/models/postprocess.py. class_of_column: the class of
    each column, -1 for columns that have none; columns behind them are for no object.
    """

    classes: int
    class_of_column: tuple[int, ...]
    name: str = "detr"
    family: str = "RT-DETR, D-FINE, DEIMv2, or a DETR with a probability for each class"
    left_out: str = ""
    suppressed: bool = True

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary(self.name, self.family, left_out=self.left_out)

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes the logits and the boxes; see `Head.decode`.

        A box has every class above `confidence`, with `multi_label` or without.
        """
        logits, boxes = raw[0][0], raw[1][0]
        scores = sigmoid(logits[:, : len(self.class_of_column)])
        queries, columns = np.nonzero(scores > confidence)
        found = scores[queries, columns]
        most = np.sort(np.argsort(-found, kind="stable")[: len(logits)])
        classes = np.array(self.class_of_column)[columns[most]]
        named = classes >= 0
        chosen = most[named]
        return Candidates(
            box_corners(boxes[queries[chosen]]),
            found[chosen].astype(np.float32),
            classes[named].astype(np.int32),
        )


def require_queries(probe: Probe) -> Queries:
    """Returns the outputs with queries.

    Raises:
        ModelError: there are none.
    """
    found = find_queries(probe)
    if found is None:
        raise unknown_output(probe)
    return found


def _fits(probe: Probe) -> bool:
    return find_queries(probe) is not None


def _evidence(probe: Probe) -> Sequence[Evidence]:
    found = require_queries(probe)
    return query_evidence(probe, found, numbers_of_names(found.columns))


def _create(probe: Probe, description: Description) -> RecognisedHead:
    found = require_queries(probe)
    classes = class_of_columns(found.columns, probe.label_count)
    head = DetrHead(probe.label_count or 0, classes)
    return RecognisedHead(found.names, head, detr_feeding(probe, description))


FORM = HeadForm(
    "detr",
    _create,
    _fits,
    _evidence,
    outputs="[1, Q, classes] with [1, Q, 4] of DETR, RT-DETR, D-FINE, RF-DETR",
    meaning="queries with logits whose sigmoid is each class's probability",
    families={
        **dict.fromkeys(("rt-detr", "d-fine", "deim", "deimv2"), RT_DETR),
        **dict.fromkeys(("deimv2-dinov3", "conditional-detr", "deformable-detr", "lw-detr"), DETR),
    },
)
