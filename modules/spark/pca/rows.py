"""Few rows: they are brought together and decomposed as they are; start at `decompose_rows`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .decomposition import Decomposition
from .moments import Moments, check, other_rows
from .standardisation import Standardisation
from .table import Batch, FeatureTable


def decompose_rows(table: FeatureTable) -> Decomposition:
    """All min(n, d) components, from the thin SVD of the standard scores; one pass.

    The SVD rather than the n x n Gram matrix of the rows: components of small variance, too, come
    out orthonormal to the last digits.

    Raises:
        JobError: the table cannot be analysed; see `moments.check`.
    """
    batches = table.reduce(collect, concatenate)
    if not batches:
        raise other_rows(0, table)
    rows = np.concatenate(batches)
    moments = check(Moments.of(rows), table)
    scores = Standardisation.of(moments).apply(rows)
    _, singular, components = np.linalg.svd(scores, full_matrices=False)
    return Decomposition(moments, singular**2 / (moments.rows - 1), components, passes=1)


def collect(batches: Iterator[Batch]) -> list[Batch]:
    """The batches of one partition, those without rows left out."""
    return [batch for batch in batches if len(batch)]


def concatenate(first: list[Batch], second: list[Batch]) -> list[Batch]:
    """The batches of both, in order."""
    return first + second
