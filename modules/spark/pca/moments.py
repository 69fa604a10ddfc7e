"""Mean, deviations and extremes of each column, in one pass; start at `read_moments`.

Batches and partitions are joined by the pairwise update of Chan, Golub and LeVeque ("Algorithms for
Computing the Sample Variance", The American Statistician 37, 1983), which stays exact where the
mean is far larger than the deviation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import JobError
from .table import Batch, FeatureTable

_NAMED_COLUMNS = 10


@dataclass(frozen=True, eq=False)
class Moments:
    """What a set of rows comes to, column by column.

    mean, minimum, maximum: `(d,)` float64, in the columns' own units. squares: `(d,)` float64, the
    sum of squared deviations from the mean. nonfinite: `(d,)` int64, how many values are NaN or
    infinite (the other figures of such a column mean nothing). nonfinite_rows: how many rows have
    such a value in any column.
    """

    rows: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    nonfinite: NDArray[np.int64]
    nonfinite_rows: int

    @staticmethod
    def of(batch: Batch) -> Moments:
        """The moments of `(m, d)` numbers, m at least 1."""
        return center(batch)[0]


def center(batch: Batch) -> tuple[Moments, NDArray[np.float64]]:
    """The moments of a batch, and its rows less their mean: `(m, d)` float64, m at least 1."""
    finite = np.isfinite(batch)
    # NaN and infinity, and what overflows, run through: `check` refuses them by name
    with np.errstate(invalid="ignore", over="ignore"):
        minimum = batch.min(axis=0).astype(np.float64)
        maximum = batch.max(axis=0).astype(np.float64)
        # held between the extremes, the mean of a constant column is that constant, and its
        # deviations are 0 to the last bit
        mean = batch.mean(axis=0, dtype=np.float64).clip(minimum, maximum)
        deviations = batch - mean
        # the corrected two-pass algorithm: what rounding left in the mean shows in the deviations
        left = deviations.mean(axis=0)
        deviations -= left
        mean += left
        squares = np.einsum("ij,ij->j", deviations, deviations)
    moments = Moments(
        rows=len(batch),
        mean=mean,
        squares=squares,
        minimum=minimum,
        maximum=maximum,
        nonfinite=np.count_nonzero(~finite, axis=0).astype(np.int64),
        nonfinite_rows=int(np.count_nonzero(~finite.all(axis=1))),
    )
    return moments, deviations


def bridge(first: Moments, second: Moments) -> NDArray[np.float64]:
    """The row `(d,)` whose square is what joining two sets adds to their squared deviations.

    It lies along the line between the two means: Chan, Golub and LeVeque's update, as a root.
    """
    weight = np.sqrt(first.rows * (second.rows / (first.rows + second.rows)))
    with np.errstate(invalid="ignore", over="ignore"):
        row: NDArray[np.float64] = weight * (second.mean - first.mean)
    return row


def join(first: Moments, second: Moments) -> Moments:
    """The moments of two sets of rows together."""
    rows = first.rows + second.rows
    with np.errstate(invalid="ignore", over="ignore"):
        return Moments(
            rows=rows,
            mean=first.mean + (second.mean - first.mean) * (second.rows / rows),
            squares=first.squares + second.squares + bridge(first, second) ** 2,
            minimum=np.minimum(first.minimum, second.minimum),
            maximum=np.maximum(first.maximum, second.maximum),
            nonfinite=first.nonfinite + second.nonfinite,
            nonfinite_rows=first.nonfinite_rows + second.nonfinite_rows,
        )


def merge_moments(first: Moments | None, second: Moments | None) -> Moments | None:
    """As `join`, where None is the empty set."""
    if first is None or second is None:
        return second if first is None else first
    return join(first, second)


def summarise_moments(batches: Iterator[Batch]) -> Moments | None:
    """The moments of one partition, None for an empty one."""
    moments: Moments | None = None
    for batch in batches:
        if len(batch):
            moments = merge_moments(moments, Moments.of(batch))
    return moments


def read_moments(table: FeatureTable) -> Moments:
    """The moments of the whole table, in one pass.

    Raises:
        JobError: see `check`.
    """
    moments = table.reduce(summarise_moments, merge_moments)
    if moments is None:
        raise other_rows(0, table)
    return check(moments, table)


def check(moments: Moments, table: FeatureTable) -> Moments:
    """The moments as they are, once it is certain that the table can be analysed.

    Raises:
        JobError: the table is not what it says it is, has values that are not finite, or values so
            large that their squares are not.
    """
    if moments.rows != table.rows:
        raise other_rows(moments.rows, table)
    if len(moments.mean) != len(table.columns):
        raise JobError(
            f"The table names {len(table.columns):,} columns, and its rows have"
            f" {len(moments.mean):,} values"
        )
    if moments.nonfinite_rows:
        raise JobError(
            f"{_named(table.columns, moments.nonfinite > 0)}: NaN or infinite in"
            f" {moments.nonfinite_rows:,} of {moments.rows:,} rows. Every value has to be a finite"
            " number"
        )
    overflows = ~(np.isfinite(moments.mean) & np.isfinite(moments.squares))
    if overflows.any():
        raise JobError(
            f"{_named(table.columns, overflows)}: values so large that their squares are not"
            " finite. Give smaller units"
        )
    return moments


def other_rows(came: int, table: FeatureTable) -> JobError:
    """The error for a pass that met another number of rows than the table counts."""
    return JobError(
        f"The table was said to have {table.rows:,} rows, and {came:,} came: it has to stay the"
        " same while it is read"
    )


def _named(columns: Sequence[str], chosen: NDArray[np.bool_]) -> str:
    """The chosen columns by name: "columns a, b and 3 more"."""
    indices = np.flatnonzero(chosen)
    names = ", ".join(columns[int(index)] for index in indices[:_NAMED_COLUMNS])
    more = len(indices) - _NAMED_COLUMNS
    return f"{'column' if len(indices) == 1 else 'columns'} {names}" + (
        f" and {more:,} more" if more > 0 else ""
    )
