"""The largest eigenvalues of a matrix known by its products; start at `leading_eigenpairs`.

Blocks of vectors span a Krylov space (Musco and Musco, "Randomized Block Krylov Methods for
Stronger and Faster Approximate Singular Value Decomposition", NeurIPS 2015), in which the
Rayleigh-Ritz procedure finds the eigenpairs. Once the basis has grown to its limit it starts again
from its best Ritz vectors (thick restart: Stathopoulos, Saad and Wu, SIAM J. Sci. Comput. 19, 1998;
Wu and Simon, SIAM J. Matrix Anal. Appl. 22, 2000), so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .decomposition import rounding_level

# a residual this small, relative to its eigenvalue, makes the eigenvalue right to its square
# over the gap, and to itself in the worst case
TOLERANCE = 1e-6

_OVERSAMPLING = 16
# a basis of up to this many blocks while they are narrow, and of three however wide they are
_BLOCKS = 12
_BASIS_COLUMNS = 4_096
_BLOCKS_AT_LEAST = 3


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """The leading eigenpairs of a symmetric matrix, and how they were reached.

    values: `(k,)`, descending. vectors: `(size, k)`, orthonormal. residuals: `(k,)`, each
    |A q - value q| relative to its value, 0 where it is rounding. products: how many products with
    the matrix it took. converged: whether every residual is within `TOLERANCE`.
    """

    values: NDArray[np.float64]
    vectors: NDArray[np.float64]
    residuals: NDArray[np.float64]
    products: int
    converged: bool


def leading_eigenpairs(
    multiply: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    size: int,
    k: int,
    *,
    seed: int,
    products_at_most: int,
) -> Eigenpairs:
    """The k largest eigenvalues of a positive semidefinite matrix A, `(size, size)`.

    multiply: A V for V `(size, b)` float64, of up to max(k + 16, 2 k) orthonormal columns.
    """
    width = min(size, max(k + _OVERSAMPLING, 2 * k))
    basis = _Basis(size, capacity=_capacity(size, width))
    block = np.linalg.qr(np.random.default_rng(seed).standard_normal((size, width)))[0]
    for products in range(1, products_at_most + 1):
        remainder, triangle = np.linalg.qr(basis.extend(block, multiply(block)))
        values, rotation = basis.ritz()
        rounding = rounding_level(float(values[0]), size)
        # A times the basis leaves its span by the remainder of the newest block alone
        residuals = np.linalg.norm(triangle @ rotation[-block.shape[1] :, :k], axis=0)
        residuals = _relative(residuals, values[:k], rounding)
        converged = bool((residuals <= TOLERANCE).all())
        block = basis.orthonormal_outside(remainder, triangle, rounding)
        if converged or products == products_at_most or not block.size:
            break
        if basis.width + block.shape[1] > basis.capacity:
            basis.restart(values, rotation)
    vectors = basis.vectors @ rotation[:, :k]
    return Eigenpairs(values[:k], vectors, residuals, products, converged)


def _relative(
    residuals: NDArray[np.float64], values: NDArray[np.float64], rounding: float
) -> NDArray[np.float64]:
    """Residuals in units of their values, 0 for those that are rounding."""
    relative = np.zeros_like(residuals)
    # rounding is above 0 wherever a residual is above rounding
    units = np.maximum(np.abs(values), rounding)
    return np.divide(residuals, units, out=relative, where=residuals > rounding)


def _capacity(size: int, width: int) -> int:
    """How many columns a basis grown by blocks of this width may have."""
    return min(size, max(_BLOCKS_AT_LEAST * width, min(_BLOCKS * width, _BASIS_COLUMNS)))


class _Basis:
    """Orthonormal columns `(size, width)`, and the matrix as they see it.

    capacity: the width beyond which it never grows.
    """

    def __init__(self, size: int, capacity: int) -> None:
        self.width = 0
        self.capacity = capacity
        self._vectors = np.empty((size, capacity), order="F")
        self._projected = np.zeros((capacity, capacity))

    @property
    def vectors(self) -> NDArray[np.float64]:
        return self._vectors[:, : self.width]

    def extend(
        self, block: NDArray[np.float64], product: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Takes in a block `(size, b)` and its product; returns what of that lies outside."""
        new = slice(self.width, self.width + block.shape[1])
        self._vectors[:, new] = block
        self.width = new.stop
        inside = self.vectors.T @ product
        self._projected[: self.width, new] = inside
        self._projected[new, : self.width] = inside.T
        return self._remove(product - self.vectors @ inside)

    def ritz(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Ritz values `(width,)`, descending, and the columns that turn the basis into vectors."""
        ascending, rotation = np.linalg.eigh(self._projected[: self.width, : self.width])
        return ascending[::-1], rotation[:, ::-1]

    def orthonormal_outside(
        self, remainder: NDArray[np.float64], triangle: NDArray[np.float64], rounding: float
    ) -> NDArray[np.float64]:
        """The next block: an orthonormal basis of remainder @ triangle, both of a QR factorisation.

        Directions no longer than rounding are exhausted, and left out: the block narrows.
        """
        rotation, lengths, _ = np.linalg.svd(triangle)
        room = self._vectors.shape[0] - self.width
        kept = rotation[:, lengths > rounding][:, :room]
        # the shortest directions are the least orthogonal to the basis: once more, at unit length
        return np.linalg.qr(self._remove(self._remove(remainder @ kept)))[0]

    def restart(self, values: NDArray[np.float64], rotation: NDArray[np.float64]) -> None:
        """Makes room: keeps the better half of the Ritz vectors.

        What A times these has outside their span still lies in the block that follows.
        """
        kept = self.capacity // 2
        self._vectors[:, :kept] = self.vectors @ rotation[:, :kept]
        self._projected[:] = 0.0
        np.fill_diagonal(self._projected[:kept, :kept], values[:kept])
        self.width = kept

    def _remove(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """The block less its part within the basis."""
        outside: NDArray[np.float64] = block - self.vectors @ (self.vectors.T @ block)
        return outside
