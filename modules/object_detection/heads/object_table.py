"""How the heads `end-to-end` and `corners` recognise their table of objects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ...errors import ModelError
from ..model_description import Description
from .corner_rows import (
    REQUIRED_COLUMNS,
    Columns,
    Table,
    arrange,
    columns_in_name,
    find_columns,
    first_row,
    fits,
    has_objects,
    scores_fall,
)
from .evidence import Evidence, Level
from .grid import Grid
from .probe import Probe, require_main_output, unit_of_centres, unknown_output
from .registry import known_outputs

_FEWEST_ROWS = 4  # that show where boxes lie


@dataclass(frozen=True)
class ObjectTable:
    """An output that may hold rows of objects.

    rows: `(N, columns)`. dimensions: of the output. columns: their order, from the output's name or
    from its values; None if neither shows it.
    """

    name: str
    rows: Table
    dimensions: int
    columns: Columns | None

    @property
    def width(self) -> int:
        """The number of columns."""
        return int(self.rows.shape[1])

    @property
    def is_usual(self) -> bool:
        """Whether it has the dimensions in which exporters write a list of so many columns."""
        return (self.dimensions == 2) == (self.width == 7)


def find_table(probe: Probe) -> ObjectTable | None:
    """Returns the main output if it is a table; None for other forms."""
    name = probe.main_output
    if name is None:
        return None
    output = probe.outputs[name]
    if output.ndim not in (2, 3) or (output.ndim == 3 and len(output) != 1):
        return None
    rows = output if output.ndim == 2 else output[0]
    columns = columns_in_name(name)
    if columns is None or len(columns) != rows.shape[1]:
        found = ObjectTable(name, rows, output.ndim, None)
        return replace(found, columns=find_columns(rows) if found.is_usual else None)
    return ObjectTable(name, rows, output.ndim, columns)


def value_evidence(
    probe: Probe, found: ObjectTable, kind: Literal["suppressed", "per cell"]
) -> tuple[Evidence, ...]:
    """Returns what the values say about a table of objects of one kind.

    A network that suppresses boxes leaves them in the order of their scores; otherwise they lie in
    the order of the cells. On a plain image both can be true. Nothing follows from zeros, or from
    scores that are all equal.
    """
    if not has_objects(found.rows):
        return ()
    if found.columns is None or not fits(found.rows, found.columns):
        reason = "its rows are not x1, y1, x2, y2 in pixels, a score and a whole class"
        return (Evidence(Level.VALUES, reason, speaks_for=False),)
    rows = arrange(found.rows, found.columns)
    falling, at_cells = scores_fall(rows), _lie_at_cells(rows, probe)
    if (falling and at_cells) or has_ties(found):
        return ()
    if kind == "suppressed" and not falling:
        reason = (
            "its scores do not fall; if the network has suppressed boxes itself, give model.json "
            '"head": "end-to-end", or else "head": "corners"'
        )
        return (Evidence(Level.VALUES, reason, speaks_for=False),)
    if kind == "per cell" and not at_cells:
        reason = "its boxes are not at the cells of a known grid"
        return (Evidence(Level.VALUES, reason, speaks_for=False),)
    order = "scores that fall" if falling else "boxes at their cells"
    return (Evidence(Level.VALUES, f"whole classes, corners in order and {order}"),)


def has_ties(found: ObjectTable) -> bool:
    """Returns whether the table has many boxes, but no score or the same score for all.

    Such values, for a plain image, are rather those of cells than of a list.
    """
    boxes = found.rows[found.rows.any(axis=1)]
    if found.width != 6 or len(boxes) < _FEWEST_ROWS:
        return False
    scores = boxes[:, 4] if found.columns is None else arrange(boxes, found.columns)[:, 4]
    return bool((scores == (0 if found.columns is None else scores[0])).all())


def find_grid(rows: Table, probe: Probe) -> Grid | None:
    """Returns the grid that has a cell or an anchor for each row; None if none is known."""
    grids = (Grid.with_boxes(len(rows), probe.input_size, count) for count in (1, 3))
    return next((grid for grid in grids if grid is not None), None)


def _lie_at_cells(rows: Table, probe: Probe) -> bool:
    """Returns whether the boxes of `(N, 6)`, as `arrange` returns it, follow the grid's cells."""
    grid, found = find_grid(rows, probe), rows.any(axis=1)
    if grid is None or np.count_nonzero(found) < _FEWEST_ROWS:
        return False
    centres = (rows[found, :2] + rows[found, 2:4]) / np.float32(2)
    return unit_of_centres(centres, grid.corners[found]) == "pixels"


def read_columns(probe: Probe, description: Description) -> tuple[str, Columns | None, int]:
    """Returns the output's name, the order of its columns and the number of classes.

    The order is None if it has to be found in each image's values.

    Raises:
        ModelError: the classes have no names, or the output does not hold rows of objects.
    """
    name = require_main_output(probe)
    if probe.label_count is None:
        raise ModelError(
            f"its output is {probe}, which does not show how many classes there are; "
            "put their names in a *.names next to it, one a line"
        )
    found = find_table(probe)
    if found is None or found.width < len(REQUIRED_COLUMNS):
        raise unknown_output(probe)
    columns = description.columns or found.columns
    if columns is None:
        if not found.is_usual or has_objects(found.rows):
            raise _unknown_rows(found, probe)
    elif has_objects(found.rows):
        if len(columns) > found.width or not fits(found.rows, columns):
            raise _unknown_rows(found, probe)
        _require_names(found, columns, probe.label_count)
    return name, columns, probe.label_count


def _require_names(found: ObjectTable, columns: Columns, names: int) -> None:
    highest = arrange(found.rows, columns)[:, 5].max()
    if highest >= names:
        raise ModelError(
            f"the network found an object of class {highest:.0f}, counted from 0; there are names "
            f"for {names}"
        )


def _unknown_rows(found: ObjectTable, probe: Probe) -> ModelError:
    return ModelError(
        f"its output is {probe}, not rows of x1, y1, x2, y2 in pixels, score and class"
        f"{first_row(found.rows)}; model.json can give their order, like "
        f'"columns": ["batch", "x1", "y1", "x2", "y2", "score", "class"]; {known_outputs()}'
    )
