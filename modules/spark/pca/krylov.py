"""The method for many rows and many columns: several passes; start at `decompose_krylov`.

Each pass multiplies the covariance of the standardised columns, which is never formed, by a block
of vectors. `block_krylov` chooses the blocks, and decides when the components are accurate enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .block_krylov import TOLERANCE, Eigenpairs, leading_eigenpairs
from .decomposition import Decomposition
from .moments import read_moments, wrong_row_count
from .standardisation import Standardisation
from .table import Batch, FeatureTable

_PASSES_AT_MOST = 60


def decompose_krylov(table: FeatureTable, k: int, seed: int) -> Decomposition:
    """Returns the k leading components, with residuals of at most 1e-6 of their variances.

    It makes at most 60 passes; if the residuals are larger then, the remark states them.

    Args:
        table: the table.
        k: number of components.
        seed: for the random block that the search starts from; equal seeds give equal bits.

    Raises:
        JobError: the table cannot be analysed, or changes between passes; see `moments.check`.
    """
    moments = read_moments(table)
    standardisation = Standardisation.of(moments)

    def covariance_times(block: NDArray[np.float64]) -> NDArray[np.float64]:
        product = table.reduce(ScatterTimes(standardisation, block), add)
        if product.rows != table.rows:
            raise wrong_row_count(product.rows, table)
        return product.values / (moments.rows - 1)

    pairs = leading_eigenpairs(
        covariance_times, len(table.columns), k, seed=seed, products_at_most=_PASSES_AT_MOST - 1
    )
    passes = pairs.products + 1  # one for the moments
    remark = "" if pairs.converged else _describe_residuals(pairs, passes)
    return Decomposition(moments, pairs.values, pairs.vectors.T, passes, remark)


@dataclass(frozen=True, eq=False)
class Product:
    """A sum over rows: `values` is Z^T (Z V), `(d, b)` float64; see `ScatterTimes`."""

    rows: int
    values: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScatterTimes:
    """Sums Z^T (Z V) over a partition: Z its standard scores `(m, d)`, V a block `(d, b)`."""

    standardisation: Standardisation
    block: NDArray[np.float64]

    def __call__(self, batches: Iterator[Batch]) -> Product:
        """Returns the sum over one partition."""
        rows, values = 0, np.zeros_like(self.block)
        for batch in batches:
            scores = self.standardisation.apply(batch)
            values += scores.T @ (scores @ self.block)
            rows += len(batch)
        return Product(rows, values)


def add(first: Product, second: Product) -> Product:
    """Returns the sum over the rows of both."""
    return Product(first.rows + second.rows, first.values + second.values)


def _describe_residuals(pairs: Eigenpairs, passes: int) -> str:
    reached = int(np.count_nonzero(pairs.residuals <= TOLERANCE))
    return (
        f"krylov stopped after {passes} passes: {reached} of {len(pairs.residuals)} components have"
        f" residuals within {TOLERANCE:.0e} of their variances, and the largest is"
        f" {pairs.residuals.max():.1e}. These variances are close together; a smaller or"
        " larger k may separate them better"
    )
