"""scikit-learn's StandardScaler and exact PCA, to compare components with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from modules.spark.pca import PrincipalComponents

# If a variance is larger than the next by this share of itself, the span up to it is well defined
GAP = 0.1
# in radians: residuals of 1e-6 over such a gap
ANGLE = 1e-5
# a variance below this share of the largest one is rounding error
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Oracle:
    """scikit-learn's results: mean, scale `(d,)`; variances, shares `(r,)`; axes `(r, d)`.

    r is min(n, d).
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    variances: NDArray[np.float64]
    shares: NDArray[np.float64]
    axes: NDArray[np.float64]

    @staticmethod
    def of(values: NDArray[Any]) -> Oracle:
        scaler = StandardScaler()
        # without any variance, its shares are NaN, and ours are 0
        with np.errstate(invalid="ignore"):
            pca = PCA(svd_solver="full").fit(scaler.fit_transform(values.astype(np.float64)))
        return Oracle(
            scaler.mean_,
            scaler.scale_,
            pca.explained_variance_,
            np.nan_to_num(pca.explained_variance_ratio_),
            pca.components_,
        )


def assert_agrees(fitted: PrincipalComponents, values: NDArray[Any]) -> None:
    """Asserts that variances agree to 1e-6, and subspaces before a `GAP` to `ANGLE`."""
    oracle = Oracle.of(values)
    k = len(fitted.components)
    level = ROUNDING * oracle.variances[0]
    expected = np.zeros(k)
    expected[: len(oracle.variances)] = oracle.variances[:k]
    shares = np.zeros(k)
    shares[: len(oracle.shares)] = oracle.shares[:k]

    np.testing.assert_allclose(fitted.mean, oracle.mean, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(fitted.scale, oracle.scale, rtol=1e-6)
    np.testing.assert_allclose(fitted.explained_variance, expected, rtol=1e-6, atol=level)
    np.testing.assert_allclose(fitted.explained_variance_ratio, shares, rtol=1e-6, atol=ROUNDING)
    np.testing.assert_allclose(fitted.components @ fitted.components.T, np.eye(k), atol=1e-12)
    below = np.append(oracle.variances[1:], 0.0)
    for count in range(1, min(k, len(oracle.variances)) + 1):
        variance = oracle.variances[count - 1]
        if variance > level and variance - below[count - 1] >= GAP * variance:
            angle = largest_angle(fitted.components[:count], oracle.axes[:count])
            assert angle <= ANGLE, f"the first {count} components are off by {angle} radians"


def largest_angle(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Returns the largest principal angle between two spans of orthonormal rows `(k, d)`.

    In radians, computed from its sine, as the cosine of a small angle is 1 up to rounding.
    """
    outside = first - (first @ second.T) @ second
    return float(np.arcsin(min(1.0, float(np.linalg.norm(outside, 2)))))
