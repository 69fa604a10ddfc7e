"""Rows of objects with corners, a score and the number of a class; start at `arrange`.

Exporters order the columns differently. Which order a file has follows from model.json, from the
output's name, or from values: scores are from 0 to 1, classes whole numbers, corners in order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from .candidates import Candidates

Columns = tuple[str, ...]
Table = NDArray[np.float32]

BOX = ("x1", "y1", "x2", "y2")
KNOWN_COLUMNS = ("batch", *BOX, "score", "class")
REQUIRED_COLUMNS = (*BOX, "score", "class")
# The first order of each width is the one that the YOLO projects' exporters write
_ORDERS: dict[int, tuple[Columns, ...]] = {
    6: ((*BOX, "score", "class"), (*BOX, "class", "score"), ("class", "score", *BOX)),
    7: (
        ("batch", *BOX, "class", "score"),  # YOLOv6 and v7, --end2end with --max-wh
        ("batch", *BOX, "score", "class"),
        ("batch", "class", "score", *BOX),  # PINTO_model_zoo
    ),
}
_ORDERED = 0.8  # share of rows; boxes as centres and sizes have far fewer
_TOLERANCE = 1e-3


def columns_in_name(name: str) -> Columns | None:
    """Returns the order that an output's name spells out, as PINTO_model_zoo's do.

    >>> columns_in_name("batchno_classid_score_x1y1x2y2")
    ('batch', 'class', 'score', 'x1', 'y1', 'x2', 'y2')
    """
    words = {"batchno": ("batch",), "classid": ("class",), "score": ("score",), "x1y1x2y2": BOX}
    parts = name.lower().split("_")
    if not all(part in words for part in parts):
        return None
    columns = tuple(column for part in parts for column in words[part])
    return columns if set(REQUIRED_COLUMNS) <= set(columns) else None


def arrange(table: Table, columns: Sequence[str]) -> Table:
    """Brings `(N, columns)` to `(N, 6)`: x1, y1, x2, y2, score, class."""
    return table[:, [columns.index(name) for name in REQUIRED_COLUMNS]]


def find_columns(table: Table) -> Columns | None:
    """Finds the order of the columns from the values of `(N, columns)`.

    Returns None if no row holds an object, or the rows have none of the known orders. If several
    fit, which is possible only for the first classes with scores of 0 or 1, the first counts.
    """
    return next((order for order in known_orders(table) if fits(table, order)), None)


def known_orders(table: Table) -> tuple[Columns, ...]:
    """Returns the orders for so many columns; columns behind the sixth are ignored, if not 7."""
    width = table.shape[1]
    return _ORDERS.get(7 if width == 7 else min(width, 6), ())


def has_objects(table: Table) -> bool:
    """Returns whether a row may hold an object; without one, scores or whole rows are zero."""
    scores = table[:, 1:] if table.shape[1] == len(KNOWN_COLUMNS) else table[:, 4:5]
    return bool(scores.any()) or find_columns(table) is not None


def scores_fall(rows: Table) -> bool:
    """Returns whether the scores of each class fall from row to row, as suppression leaves them.

    `rows` is `(N, 6)`, as `arrange` returns it. Rows of zeros may only be behind all others.
    """
    count = np.count_nonzero(rows.any(axis=1))
    if rows[count:].any():
        return False
    rows = rows[:count]
    rows = rows[np.argsort(rows[:, 5], kind="stable")]
    same_class = rows[1:, 5] == rows[:-1, 5]
    return not (same_class & (np.diff(rows[:, 4]) > 0)).any()


def decode(
    table: Table, columns: Columns | None, input_size: tuple[int, int], confidence: float
) -> Candidates:
    """Decodes `(N, columns)` with boxes in pixels; keeps the rows above `confidence`.

    columns: None to find their order from the values of this image.

    Raises:
        ModelError: the order cannot be found, or a class is not a whole number.
    """
    if columns is None:
        columns = find_columns(table)
        if columns is None:
            if has_objects(table):
                raise unknown_columns(table)
            columns = known_orders(table)[0]
    rows = arrange(table, columns)
    rows = rows[rows[:, 4] > confidence]
    classes = rows[:, 5]
    if len(rows) and not (np.abs(classes) < 2**31).all():
        raise ModelError(f"the network found an object of class {classes.max():g}")
    class_ids = classes.astype(np.int32)
    if (class_ids != classes).any():
        wrong = classes[class_ids != classes][0]
        raise ModelError(
            f"the network found an object of class {wrong:.4g}, not a whole number; its "
            f"columns are read as {', '.join(columns)}; `columns` in model.json gives another order"
        )
    boxes = rows[:, :4] / np.tile(input_size, 2)
    return Candidates(boxes.astype(np.float32), rows[:, 4].astype(np.float32), class_ids)


def unknown_columns(table: Table) -> ModelError:
    """Makes the error for rows of objects whose columns have no known order."""
    return ModelError(
        f"the network's rows are not x1, y1, x2, y2 in pixels, score and class in a known order"
        f"{first_row(table)}; model.json can give it, like "
        '"columns": ["batch", "x1", "y1", "x2", "y2", "score", "class"]'
    )


def first_row(table: Table) -> str:
    """Shows the first row with an object, for an error message; "" if there is none."""
    for row in _objects(table)[:1]:
        return "; the first is [" + ", ".join(f"{value:.4g}" for value in row) + "]"
    return ""


def _objects(table: Table) -> Table:
    start = 1 if table.shape[1] == len(KNOWN_COLUMNS) else 0  # the batch may be anything
    return table[table[:, start:].any(axis=1)]


def fits(table: Table, order: Columns) -> bool:
    """Returns whether `(N, columns)` holds objects, and their values are possible in that order."""
    rows = _objects(table)
    found = arrange(rows, order)
    scores, classes = found[:, 4], found[:, 5]
    if not (scores > 0).any() or scores.min() < -_TOLERANCE or scores.max() > 1 + _TOLERANCE:
        return False
    # such lists have as many rows as objects: none is without a score
    if "batch" in order and not ((rows[:, order.index("batch")] == 0).all() and scores.all()):
        return False
    if (classes != np.round(classes)).any() or classes.min() < 0:
        return False
    ordered = (found[:, 2:4] >= found[:, 0:2]).all(axis=1)
    return bool(ordered.mean() >= _ORDERED and found[:, 2:4].max() > 2)
