"""From eigenpairs as computed to components that are the same every time; start at `finish`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .moments import Moments

# entries this close to a component's largest count as equally large
_SIGN_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Decomposition:
    """What a method finds: the leading eigenpairs of the covariance of the standardised columns.

    variances: `(r,)` float64, descending (divided by n - 1). components: `(r, d)` float64,
    orthonormal rows. moments: of the table. passes: how often the table was read. remark: what
    people should know of how it went, or nothing.
    """

    moments: Moments
    variances: NDArray[np.float64]
    components: NDArray[np.float64]
    passes: int
    remark: str = ""


def rounding_level(largest: float, columns: int) -> float:
    """The variance that rounding alone may show in d columns, the largest variance given.

    Some hundred times what double precision loses on average, so that every method sees the same
    rank in the same table.
    """
    return float(1e-13 * np.sqrt(columns) * largest)


def finish(
    variances: NDArray[np.float64], components: NDArray[np.float64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Exactly k components with their signs settled, and how many of them the table bears out.

    variances: `(r,)`, descending. components: `(r, d)`. Those beyond the table's rank come back as
    an orthonormal completion, with variance 0: `(k,)`, `(k, d)`, rank.
    """
    columns = components.shape[1]
    level = rounding_level(float(variances[0]), columns)
    rank = min(k, int(np.count_nonzero(variances > level)))
    settled = np.zeros(k)
    settled[:rank] = variances[:rank]
    return settled, settle_signs(_complete(components[:rank], k)), rank


def settle_signs(components: NDArray[np.float64]) -> NDArray[np.float64]:
    """The components `(k, d)`, each turned so that its entry of largest magnitude is positive.

    Among entries of equal magnitude, up to rounding, the first counts: columns that mirror each
    other do not turn a component round.

    >>> settle_signs(np.array([[0.6, -0.8], [-0.5, 0.5]]))
    array([[-0.6,  0.8],
           [ 0.5, -0.5]])
    """
    magnitudes = np.abs(components)
    largest = magnitudes.max(axis=1, keepdims=True)
    first = np.argmax(magnitudes >= largest * (1 - _SIGN_TOLERANCE), axis=1)
    signs = np.where(np.take_along_axis(components, first[:, np.newaxis], axis=1) < 0, -1.0, 1.0)
    settled: NDArray[np.float64] = components * signs
    return settled


def _complete(components: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Orthonormal rows `(r, d)` and k - r more, grown from the axes that they reach least.

    Some axis always lies outside what d - 1 rows span by 1 / sqrt(d) at least, so none of them
    fails.
    """
    found, columns = components.shape
    complete = np.zeros((k, columns))
    complete[:found] = components
    # rounded, so that equally distant axes are taken in their order
    reach = np.sum(components**2, axis=0)
    for row in range(found, k):
        axis = int(np.argmin(np.round(reach, 9)))
        vector = np.zeros(columns)
        vector[axis] = 1.0
        for _ in range(2):  # once leaves rounding of the order of what was taken away
            vector -= complete[:row].T @ (complete[:row] @ vector)
            vector /= np.linalg.norm(vector)
        complete[row] = vector
        reach += vector**2
    return complete
