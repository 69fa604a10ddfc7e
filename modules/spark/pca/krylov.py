"""Many rows and many columns: the components come of many passes; start at `decompose_krylov`.

Each pass multiplies the covariance of the standardised columns, which is never formed, by a block
of vectors; `block_krylov` says which, and when it is enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .block_krylov import TOLERANCE, Eigenpairs, leading_eigenpairs
from .decomposition import Decomposition
from .moments import other_rows, read_moments
from .standardisation import Standardisation
from .table import Batch, FeatureTable

_PASSES_AT_MOST = 60


def decompose_krylov(table: FeatureTable, k: int, seed: int) -> Decomposition:
    """The k leading components, to residuals of 1e-6 of their variances; 60 passes at the most.

    seed: of the random block that the search starts from; equal seeds give equal bits.

    Raises:
        JobError: the table cannot be analysed, or changes between passes; see `moments.check`.
    """
    moments = read_moments(table)
    standardisation = Standardisation.of(moments)

    def covariance_times(block: NDArray[np.float64]) -> NDArray[np.float64]:
        product = table.reduce(ScatterTimes(standardisation, block), add)
        if product.rows != table.rows:
            raise other_rows(product.rows, table)
        return product.values / (moments.rows - 1)

    pairs = leading_eigenpairs(
        covariance_times, len(table.columns), k, seed=seed, products_at_most=_PASSES_AT_MOST - 1
    )
    passes = pairs.products + 1  # one for the moments
    remark = "" if pairs.converged else _what_was_reached(pairs, passes)
    return Decomposition(moments, pairs.values, pairs.vectors.T, passes, remark)


@dataclass(frozen=True, eq=False)
class Product:
    """Z^T (Z V) `(d, b)` float64, summed over so many rows."""

    rows: int
    values: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScatterTimes:
    """Sums Z^T (Z V) over a partition, Z its standard scores `(m, d)` and V the block `(d, b)`."""

    standardisation: Standardisation
    block: NDArray[np.float64]

    def __call__(self, batches: Iterator[Batch]) -> Product:
        """The partition's share of the product."""
        rows, values = 0, np.zeros_like(self.block)
        for batch in batches:
            scores = self.standardisation.apply(batch)
            values += scores.T @ (scores @ self.block)
            rows += len(batch)
        return Product(rows, values)


def add(first: Product, second: Product) -> Product:
    """The sum over the rows of both."""
    return Product(first.rows + second.rows, first.values + second.values)


def _what_was_reached(pairs: Eigenpairs, passes: int) -> str:
    reached = int(np.count_nonzero(pairs.residuals <= TOLERANCE))
    return (
        f"krylov stopped after {passes} passes: {reached} of {len(pairs.residuals)} components have"
        f" residuals within {TOLERANCE:.0e} of their variances, and the largest is"
        f" {pairs.residuals.max():.1e}. Where variances lie this close together, a smaller or"
        " larger k may part them better"
    )
