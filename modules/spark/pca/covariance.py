"""The method for few columns: sums their d x d scatter matrix; see `decompose_covariance`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .decomposition import Decomposition
from .moments import Moments, center, check, join, mean_difference, wrong_row_count
from .standardisation import Standardisation
from .table import Batch, FeatureTable


@dataclass(frozen=True, eq=False)
class Scatter:
    """The moments of a set of rows, and their scatter matrix.

    products: the sums of products of deviations from the mean, `(d, d)` float64, symmetric.
    """

    moments: Moments
    products: NDArray[np.float64]


def decompose_covariance(table: FeatureTable) -> Decomposition:
    """Returns all d components, from the eigenvectors of the correlation matrix; one pass.

    Raises:
        JobError: the table cannot be analysed; see `moments.check`.
    """
    scatter = table.reduce(summarise_scatter, merge_scatters)
    if scatter is None:
        raise wrong_row_count(0, table)
    moments = check(scatter.moments, table)
    scale = Standardisation.of(moments).scale
    covariance = scatter.products / scale
    covariance /= scale[:, np.newaxis]
    covariance /= moments.rows - 1
    ascending, vectors = np.linalg.eigh(covariance)
    return Decomposition(moments, ascending[::-1], vectors.T[::-1], passes=1)


def summarise_scatter(batches: Iterator[Batch]) -> Scatter | None:
    """Returns the scatter of one partition; None for an empty one."""
    scatter: Scatter | None = None
    for batch in batches:
        if len(batch):
            scatter = _add(scatter, batch)
    return scatter


def _add(scatter: Scatter | None, batch: Batch) -> Scatter:
    """Returns the scatter with a batch added; `scatter.products` is updated in place."""
    moments, deviations = center(batch)
    with np.errstate(invalid="ignore", over="ignore"):
        if scatter is None:
            return Scatter(moments, deviations.T @ deviations)
        # the difference of the means, as one more row, needs no separate outer product
        deviations = np.vstack([deviations, mean_difference(scatter.moments, moments)])
        scatter.products[...] += deviations.T @ deviations
    return Scatter(join(scatter.moments, moments), scatter.products)


def merge_scatters(first: Scatter | None, second: Scatter | None) -> Scatter | None:
    """Returns the scatter of both sets together; None is the empty set."""
    if first is None or second is None:
        return second if first is None else first
    across = mean_difference(first.moments, second.moments)
    with np.errstate(invalid="ignore", over="ignore"):
        products = np.outer(across, across)
        products += first.products
        products += second.products
    return Scatter(join(first.moments, second.moments), products)
