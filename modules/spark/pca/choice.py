"""Chooses the method that suits a table's shape; start at `choose`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

from ...errors import JobError

Method = Literal["rows", "covariance", "krylov"]
FoundBy = Literal[Method, "spark"]  # components of Spark ML are stored like ours

_ROWS_AT_MOST = 2_048
_ROW_BYTES_AT_MOST = 256_000_000
_COVARIANCE_COLUMNS = 4_096
# From this many columns on, no d x d matrix is made: for 8,192 columns it takes 0.5 GB, and eigh
# needs several
_SQUARE_COLUMNS_BELOW = 8_192
# `krylov` keeps at least three blocks of 2 k columns: with k = d / 12, half of a d x d matrix
_KRYLOV_COLUMNS_PER_COMPONENT = 12


@dataclass(frozen=True)
class Choice:
    """A method, and the reason for it, to be printed."""

    method: Method
    reason: str


def choose(rows: int, columns: int, k: int, method: str = "auto") -> Choice:
    """Returns the method for k components of a table of this shape.

    Args:
        rows: number of rows.
        columns: number of columns.
        k: number of components.
        method: a method's name, or "auto" to choose by the shape.

    Raises:
        JobError: there is no such method, or it cannot work for this shape.
    """
    if method == "auto":
        choice = _choose_by_shape(rows, columns)
    elif method in get_args(Method):
        choice = Choice(cast(Method, method), f"{method}: asked for")
    else:
        raise JobError(f"method {method!r}: must be one of auto, {', '.join(get_args(Method))}")
    _check_feasible(choice.method, rows, columns, k)
    return choice


def _choose_by_shape(rows: int, columns: int) -> Choice:
    shape = f"{rows:,} rows of {columns:,} columns"
    if rows <= _ROWS_AT_MOST and _row_bytes(rows, columns) <= _ROW_BYTES_AT_MOST:
        return Choice("rows", f"rows: {shape} fit in memory, for an exact decomposition")
    if columns <= _COVARIANCE_COLUMNS:
        return Choice(
            "covariance",
            f"covariance: {shape}; one pass sums the {columns:,} x {columns:,} covariance matrix",
        )
    return Choice(
        "krylov",
        f"krylov: {shape}; neither the rows nor a {columns:,} x {columns:,} matrix is held in"
        " memory, so the table is read several times",
    )


def _check_feasible(method: Method, rows: int, columns: int, k: int) -> None:
    if method == "rows" and _row_bytes(rows, columns) > _ROW_BYTES_AT_MOST:
        raise JobError(
            f"method 'rows' holds all rows in memory: {rows:,} x {columns:,} are"
            f" {_row_bytes(rows, columns) / 1e6:,.0f} MB, and {_ROW_BYTES_AT_MOST / 1e6:,.0f} MB"
            " are the limit. Use 'covariance' or 'krylov'"
        )
    if columns < _SQUARE_COLUMNS_BELOW:
        return
    if method == "covariance":
        raise JobError(
            f"method 'covariance' holds a matrix of columns x columns, for fewer than"
            f" {_SQUARE_COLUMNS_BELOW:,} columns; here are {columns:,}. Use 'krylov'"
        )
    most = columns // _KRYLOV_COLUMNS_PER_COMPONENT
    if method == "krylov" and k > most:
        raise JobError(
            f"method 'krylov' finds up to {most:,} components of {columns:,} columns, a twelfth of"
            f" them; k is {k:,}"
        )


def _row_bytes(rows: int, columns: int) -> int:
    return rows * columns * 8
