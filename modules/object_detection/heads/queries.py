"""Queries with logits and a box, of DETR-like networks; start at `find_queries`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import ModelError
from .corner_lists import are_probabilities, lie_at_cells
from .evidence import Evidence, Level
from .probe import Output, Probe

# COCO numbers its 80 categories from 1 to 90, with gaps (cocodataset.org, instances_val2017.json)
_COCO_COLUMNS = 91
_COCO_GAPS = frozenset({0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
COCO_IDS = tuple(index for index in range(_COCO_COLUMNS) if index not in _COCO_GAPS)
_NAMES = (("logits", "pred_boxes"), ("pred_logits", "pred_boxes"))
RF_DETR_NAMES = ("labels", "dets")
_BOX_NUMBERS = 4  # of a box; with as many classes, the two outputs have the same shape
_TOLERANCE = 1e-3  # of half precision
_FARTHEST = 1.0  # of a coordinate from the middle, in units of the input
_NEAR = 0.8  # share of boxes


@dataclass(frozen=True)
class Queries:
    """The two outputs of a DETR-like network, by name, and their values.

    logits: `(Q, columns)`. boxes: `(Q, 4)`, centre x, centre y, width, height; 1.0 is the input.
    others: the names of the other outputs.
    """

    names: tuple[str, str]
    logits: Output
    boxes: Output
    others: tuple[str, ...]

    @property
    def columns(self) -> int:
        """The number of logits of each query."""
        return int(self.logits.shape[1])


def find_queries(probe: Probe) -> Queries | None:
    """Returns the outputs with queries: those of known names, or the only two with such shapes."""
    names = list(probe.outputs)
    pairs = [pair for pair in (*_NAMES, RF_DETR_NAMES) if set(pair) <= set(names)]
    if not pairs and len(names) == 2:
        first, second = names
        pairs = [(first, second), (second, first)]
    found = [pair for pair in pairs if _has_shapes(probe, *pair)]
    if len(found) == 2 and not _are_boxes(probe.outputs[found[0][1]][0]):
        found = found[1:]  # four classes: the values tell which output holds the boxes
    if not found:
        return None
    logits, boxes = (probe.outputs[name][0] for name in found[0])
    others = tuple(name for name in names if name not in found[0])
    return Queries(found[0], logits, boxes, others)


def _has_shapes(probe: Probe, logits: str, boxes: str) -> bool:
    shapes = probe.outputs[logits].shape, probe.outputs[boxes].shape
    return (
        all(len(shape) == 3 and shape[0] == 1 for shape in shapes)
        and shapes[0][1] == shapes[1][1]
        and shapes[1][2] == 4
    )


def _are_boxes(boxes: Output) -> bool:
    """Returns whether `(Q, 4)` can be boxes in units of the input; RF-DETR's may be larger."""
    near = (np.abs(boxes - 0.5) <= _FARTHEST).all(axis=1) & (boxes[:, 2:] >= -_TOLERANCE).all(
        axis=1
    )
    return not len(boxes) or bool(near.mean() >= _NEAR)


def query_evidence(probe: Probe, found: Queries, names: Sequence[int]) -> tuple[Evidence, ...]:
    """Returns what speaks for or against a head of queries.

    names: how many class names so many columns may have, if this is the head.
    """
    evidence = []
    if found.names in _NAMES:
        reason = f"the outputs' names, {' and '.join(found.names)}"
        evidence.append(Evidence(Level.OUTPUT_NAMES, reason))
    if not _are_boxes(found.boxes):
        reason = "its boxes are not in units of the input, from 0 to 1"
        evidence.append(Evidence(Level.VALUES, reason, speaks_for=False))
    elif found.columns == _BOX_NUMBERS and lie_at_cells(found.logits, probe):
        reason = "its boxes are at their cells, in pixels"
        evidence.append(Evidence(Level.VALUES, reason, speaks_for=False))
    elif found.names not in (*_NAMES, RF_DETR_NAMES) and are_probabilities(found.logits):
        reason = "its scores are probabilities already, not logits"
        evidence.append(Evidence(Level.VALUES, reason, speaks_for=False))
    else:
        evidence.append(Evidence(Level.VALUES, "logits, and boxes from 0 to 1"))
    if probe.label_count in names:
        reason = f"{probe.label_count} names for {found.columns} columns"
        evidence.append(Evidence(Level.SHAPES, reason))
    elif probe.label_count is not None:
        reason = f"it has {found.columns} columns, and there are names for {probe.label_count}"
        evidence.append(Evidence(Level.SHAPES, reason, speaks_for=False))
    return tuple(evidence)


def class_of_columns(columns: int, names: int | None) -> tuple[int, ...]:
    """Returns the class of each column, `columns` in all; -1 for a column without one.

    Each column is a class if there are as many names. With 80 names, 91 columns are COCO's category
    ids, as in the weights that Facebook and Roboflow publish.

    Raises:
        ModelError: there are other names, or none.
    """
    if names == columns:
        return tuple(range(columns))
    if (columns, names) == (_COCO_COLUMNS, len(COCO_IDS)):
        return tuple(COCO_IDS.index(index) if index in COCO_IDS else -1 for index in range(columns))
    if names is None:
        raise ModelError(
            f"it does not name its classes, of which it has up to {columns}; "
            "put their names in a *.names next to it, one a line"
        )
    coco = "or the 80 of COCO, " if columns == _COCO_COLUMNS else ""
    raise ModelError(
        f"there are names for {names} classes; it has {columns} columns of classes: give a name "
        f"for each of them, {coco}one a line"
    )


def numbers_of_names(columns: int) -> tuple[int, ...]:
    """Returns the numbers of names that `class_of_columns` takes for so many columns."""
    return (columns, len(COCO_IDS)) if columns == _COCO_COLUMNS else (columns,)


def refuse_coco_without_zero(columns: int, names: int | None) -> None:
    """Refuses 90 names for 91 columns, of which the first or the last may have no name.

    Raises:
        ModelError: there are so many; model.json must tell.
    """
    if (columns, names) == (_COCO_COLUMNS, _COCO_COLUMNS - 1):
        raise ModelError(
            "there are 90 names for its 91 columns. If these are COCO's category ids, give 91 "
            "names, beginning with one for the unused id 0, or the 80 names; if the network was "
            'trained on 90 classes, give model.json "head": "rf-detr" or "detr-softmax"'
        )


def box_corners(boxes: Output) -> Output:
    """Converts boxes, `(N, 4)`, from centres and sizes to xyxy, in the same unit."""
    centres, halves = boxes[:, :2], boxes[:, 2:] / np.float32(2)
    return np.concatenate([centres - halves, centres + halves], axis=1)
