"""Computes mean, variance and extremes of each column in one pass; start at `read_moments`.

Batches and partitions are combined with the pairwise update of Chan, Golub and LeVeque ("Algorithms
for Computing the Sample Variance", The American Statistician 37, 1983), which stays accurate if the
mean is far larger than the standard deviation.
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
    """Statistics of a set of rows, for each column.

    rows: number of rows. mean, minimum, maximum: `(d,)` float64, in the units of the columns.
    squares: `(d,)` float64, the sum of squared deviations from the mean. nonfinite: `(d,)` int64,
    number of values that are NaN or infinite (the other fields of such a column are meaningless).
    nonfinite_rows: number of rows with such a value in any column.
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
        """Computes the moments of `(m, d)` numbers, m at least 1."""
        return center(batch)[0]


def center(batch: Batch) -> tuple[Moments, NDArray[np.float64]]:
    """Returns the moments of a batch `(m, d)`, m at least 1, and its deviations from the mean.

    The deviations are `(m, d)` float64.
    """
    finite = np.isfinite(batch)
    # NaN, infinity and overflows are allowed here; `check` refuses them, with the columns' names
    with np.errstate(invalid="ignore", over="ignore"):
        minimum = batch.min(axis=0).astype(np.float64)
        maximum = batch.max(axis=0).astype(np.float64)
        # clipped to the extremes, the mean of a constant column is exactly that constant, and its
        # deviations are exactly 0
        mean = batch.mean(axis=0, dtype=np.float64).clip(minimum, maximum)
        deviations = batch - mean
        # the corrected two-pass algorithm: the mean of the deviations is the error of the mean
        correction = deviations.mean(axis=0)
        deviations -= correction
        mean += correction
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


def mean_difference(first: Moments, second: Moments) -> NDArray[np.float64]:
    """Returns the scaled difference `(d,)` of the means of two sets of rows.

    Its square is the term that Chan, Golub and LeVeque's update adds to the squared deviations of
    both sets.
    """
    weight = np.sqrt(first.rows * (second.rows / (first.rows + second.rows)))
    with np.errstate(invalid="ignore", over="ignore"):
        row: NDArray[np.float64] = weight * (second.mean - first.mean)
    return row


def join(first: Moments, second: Moments) -> Moments:
    """Returns the moments of two sets of rows together."""
    rows = first.rows + second.rows
    with np.errstate(invalid="ignore", over="ignore"):
        return Moments(
            rows=rows,
            mean=first.mean + (second.mean - first.mean) * (second.rows / rows),
            squares=first.squares + second.squares + mean_difference(first, second) ** 2,
            minimum=np.minimum(first.minimum, second.minimum),
            maximum=np.maximum(first.maximum, second.maximum),
            nonfinite=first.nonfinite + second.nonfinite,
            nonfinite_rows=first.nonfinite_rows + second.nonfinite_rows,
        )


def merge_moments(first: Moments | None, second: Moments | None) -> Moments | None:
    """Like `join`, with None for the empty set."""
    if first is None or second is None:
        return second if first is None else first
    return join(first, second)


def summarise_moments(batches: Iterator[Batch]) -> Moments | None:
    """Returns the moments of one partition; None for an empty one."""
    moments: Moments | None = None
    for batch in batches:
        if len(batch):
            moments = merge_moments(moments, Moments.of(batch))
    return moments


def read_moments(table: FeatureTable) -> Moments:
    """Returns the moments of the whole table, in one pass.

    Raises:
        JobError: the table cannot be analysed; see `check`.
    """
    moments = table.reduce(summarise_moments, merge_moments)
    if moments is None:
        raise wrong_row_count(0, table)
    return check(moments, table)


def check(moments: Moments, table: FeatureTable) -> Moments:
    """Returns the moments unchanged if the table can be analysed.

    Raises:
        JobError: the table has another number of rows or columns than it states, values that are
            not finite, or values so large that their squares are not finite.
    """
    if moments.rows != table.rows:
        raise wrong_row_count(moments.rows, table)
    if len(moments.mean) != len(table.columns):
        raise JobError(
            f"The table names {len(table.columns):,} columns, but its rows have"
            f" {len(moments.mean):,} values"
        )
    if moments.nonfinite_rows:
        raise JobError(
            f"{_named(table.columns, moments.nonfinite > 0)}: NaN or infinite in"
            f" {moments.nonfinite_rows:,} of {moments.rows:,} rows. Every value must be a finite"
            " number"
        )
    overflows = ~(np.isfinite(moments.mean) & np.isfinite(moments.squares))
    if overflows.any():
        raise JobError(
            f"{_named(table.columns, overflows)}: values so large that their squares are not"
            " finite. Use larger units, so that the numbers are smaller"
        )
    return moments


def wrong_row_count(read: int, table: FeatureTable) -> JobError:
    """Returns the error for a pass that has read another number of rows than the table has."""
    return JobError(
        f"The table has {table.rows:,} rows, but {read:,} were read: it must not change while it"
        " is read"
    )


def _named(columns: Sequence[str], chosen: NDArray[np.bool_]) -> str:
    """Lists the chosen columns by name: "columns a, b and 3 more"."""
    indices = np.flatnonzero(chosen)
    names = ", ".join(columns[int(index)] for index in indices[:_NAMED_COLUMNS])
    more = len(indices) - _NAMED_COLUMNS
    return f"{'column' if len(indices) == 1 else 'columns'} {names}" + (
        f" and {more:,} more" if more > 0 else ""
    )
