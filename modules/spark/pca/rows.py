"""The method for few rows: an SVD of all of them in memory; start at `decompose_rows`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .decomposition import Decomposition
from .moments import Moments, check, wrong_row_count
from .standardisation import Standardisation
from .table import Batch, FeatureTable


def decompose_rows(table: FeatureTable) -> Decomposition:
    """Returns all min(n, d) components, from the thin SVD of the standard scores; one pass.

    An SVD is used, and not the n x n Gram matrix of the rows, because it makes components of small
    variance orthonormal to the last digits, too.

    Raises:
        JobError: the table cannot be analysed; see `moments.check`.
    """
    batches = table.reduce(collect, concatenate)
    if not batches:
        raise wrong_row_count(0, table)
    rows = np.concatenate(batches)
    moments = check(Moments.of(rows), table)
    scores = Standardisation.of(moments).apply(rows)
    _, singular, components = np.linalg.svd(scores, full_matrices=False)
    return Decomposition(moments, singular**2 / (moments.rows - 1), components, passes=1)


def collect(batches: Iterator[Batch]) -> list[Batch]:
    """Returns the batches of one partition, without empty ones."""
    return [batch for batch in batches if len(batch)]


def concatenate(first: list[Batch], second: list[Batch]) -> list[Batch]:
    """Returns the batches of both partitions, in order."""
    return first + second
