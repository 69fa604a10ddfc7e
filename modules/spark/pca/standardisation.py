"""Columns of any unit become columns of mean 0 and deviation 1; start at `Standardisation.of`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .moments import Moments
from .table import Batch


@dataclass(frozen=True, eq=False)
class Standardisation:
    """What is taken from each column, and what it is then divided by.

    mean: `(d,)` float64. scale: `(d,)` float64, above 0: the population deviation, and 1 for
    constant columns.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @staticmethod
    def of(moments: Moments) -> Standardisation:
        """As scikit-learn's StandardScaler has it, down to which columns count as constant."""
        variance = moments.squares / moments.rows
        scale = np.where(is_constant(moments), 1.0, np.sqrt(variance))
        return Standardisation(moments.mean, scale)

    def apply(self, batch: Batch) -> NDArray[np.float64]:
        """Standard scores of `(m, d)` numbers: `(m, d)` float64."""
        scores: NDArray[np.float64] = batch - self.mean
        scores /= self.scale
        return scores


def is_constant(moments: Moments) -> NDArray[np.bool_]:
    """Which columns `(d,)` vary by no more than rounding explains.

    The bound is that of the two-pass algorithm in Chan, Golub and LeVeque (1983), as scikit-learn
    applies it (`_is_constant_feature`).
    """
    epsilon = np.finfo(np.float64).eps
    variance = moments.squares / moments.rows
    # a mean whose square overflows makes every deviation rounding: infinity is the right bound
    with np.errstate(over="ignore"):
        bound = moments.rows * epsilon * variance + (moments.rows * moments.mean * epsilon) ** 2
    constant: NDArray[np.bool_] = variance <= bound
    return constant


def total_variance(moments: Moments) -> float:
    """The sum of the standardised columns' sample variances (divided by n - 1)."""
    scale = Standardisation.of(moments).scale
    return float(np.sum(moments.squares / scale / scale) / (moments.rows - 1))
