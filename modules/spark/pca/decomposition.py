"""Turns computed eigenpairs into reproducible components; start at `finish_components`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .moments import Moments

# entries that differ less from the largest entry of a component count as equally large
_SIGN_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Decomposition:
    """The result of a method: the leading eigenpairs of the standardised columns' covariance.

    moments: of the table. variances: `(r,)` float64, descending (divided by n - 1). components:
    `(r, d)` float64, orthonormal rows. passes: how often the table was read. remark: a message for
    the user, or empty.
    """

    moments: Moments
    variances: NDArray[np.float64]
    components: NDArray[np.float64]
    passes: int
    remark: str = ""


def rounding_level(largest: float, columns: int) -> float:
    """Returns the variance below which a component is rounding error.

    It is about a hundred times the average error of double precision, so that every method finds
    the same rank for the same table.

    Args:
        largest: the largest variance of the table.
        columns: number of columns, d.
    """
    return float(1e-13 * np.sqrt(columns) * largest)


def finish_components(
    variances: NDArray[np.float64], components: NDArray[np.float64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Returns exactly k components with fixed signs: variances `(k,)`, components `(k, d)`, rank.

    The rank is how many of the k components have a variance in the table. The others have variance
    0, and only complete an orthonormal set.

    Args:
        variances: `(r,)`, descending.
        components: `(r, d)`, orthonormal rows.
        k: number of components.
    """
    columns = components.shape[1]
    level = rounding_level(float(variances[0]), columns)
    rank = min(k, int(np.count_nonzero(variances > level)))
    kept = np.zeros(k)
    kept[:rank] = variances[:rank]
    return kept, fix_signs(_complete(components[:rank], k)), rank


def fix_signs(components: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the components `(k, d)` with signs such that the largest entry of each is positive.

    Among entries of equal magnitude, up to rounding, the first one counts. So the sign does not
    depend on rounding if two columns mirror each other.

    >>> fix_signs(np.array([[0.6, -0.8], [-0.5, 0.5]]))
    array([[-0.6,  0.8],
           [ 0.5, -0.5]])
    """
    magnitudes = np.abs(components)
    largest = magnitudes.max(axis=1, keepdims=True)
    first = np.argmax(magnitudes >= largest * (1 - _SIGN_TOLERANCE), axis=1)
    signs = np.where(np.take_along_axis(components, first[:, np.newaxis], axis=1) < 0, -1.0, 1.0)
    fixed: NDArray[np.float64] = components * signs
    return fixed


def _complete(components: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Returns orthonormal rows `(k, d)`: the `(r, d)` given ones and k - r more.

    Each new row starts from the axis that the rows so far cover least. The span of d - 1 rows
    always leaves some axis with a distance of at least 1 / sqrt(d), so this never fails.
    """
    found, columns = components.shape
    complete = np.zeros((k, columns))
    complete[:found] = components
    # rounded, so that of equally distant axes the first is taken
    coverage = np.sum(components**2, axis=0)
    for row in range(found, k):
        axis = int(np.argmin(np.round(coverage, 9)))
        vector = np.zeros(columns)
        vector[axis] = 1.0
        for _ in range(2):  # the second time removes the rounding errors of the first
            vector -= complete[:row].T @ (complete[:row] @ vector)
            vector /= np.linalg.norm(vector)
        complete[row] = vector
        coverage += vector**2
    return complete
