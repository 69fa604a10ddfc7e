"""Scales columns to mean 0 and standard deviation 1; start at `Standardisation.of`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .moments import Moments
from .table import Batch


@dataclass(frozen=True, eq=False)
class Standardisation:
    """The offset and the scale of each column: standard score = (value - mean) / scale.

    mean: `(d,)` float64. scale: `(d,)` float64, above 0: the population standard deviation, and 1
    for constant columns.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @staticmethod
    def of(moments: Moments) -> Standardisation:
        """Computes what scikit-learn's StandardScaler does, with the same columns as constant."""
        variance = moments.squares / moments.rows
        scale = np.where(is_constant(moments), 1.0, np.sqrt(variance))
        return Standardisation(moments.mean, scale)

    def apply(self, batch: Batch) -> NDArray[np.float64]:
        """Returns the standard scores of `(m, d)` numbers: `(m, d)` float64."""
        scores: NDArray[np.float64] = batch - self.mean
        scores /= self.scale
        return scores


def is_constant(moments: Moments) -> NDArray[np.bool_]:
    """Returns a mask `(d,)` of the columns that vary by rounding errors only.

    The bound is the error bound of the two-pass algorithm in Chan, Golub and LeVeque (1983), as
    scikit-learn applies it (`_is_constant_feature`).
    """
    epsilon = np.finfo(np.float64).eps
    variance = moments.squares / moments.rows
    # If the square of the mean overflows, infinity is the right bound: deviations are rounding
    with np.errstate(over="ignore"):
        bound = moments.rows * epsilon * variance + (moments.rows * moments.mean * epsilon) ** 2
    constant: NDArray[np.bool_] = variance <= bound
    return constant


def total_variance(moments: Moments) -> float:
    """Returns the sum of the standardised columns' sample variances (divided by n - 1)."""
    scale = Standardisation.of(moments).scale
    return float(np.sum(moments.squares / scale / scale) / (moments.rows - 1))
