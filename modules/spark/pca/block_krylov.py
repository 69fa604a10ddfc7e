"""Finds the largest eigenvalues of a matrix from products with it; see `leading_eigenpairs`.

Blocks of vectors span a Krylov space (Musco and Musco, "Randomized Block Krylov Methods for
Stronger and Faster Approximate Singular Value Decomposition", NeurIPS 2015), in which the
Rayleigh-Ritz procedure finds the eigenpairs. When the basis has reached its largest size, it is
restarted from its best Ritz vectors, so that memory is bounded (thick restart: Stathopoulos, Saad
and Wu, SIAM J. Sci. Comput. 19, 1998; Wu and Simon, SIAM J. Matrix Anal. Appl. 22, 2000).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .decomposition import rounding_level

# The largest residual, relative to its eigenvalue. The eigenvalue's error is then the residual's
# square over the gap to the next one, and in the worst case the residual itself.
TOLERANCE = 1e-6

_OVERSAMPLING = 16
# The basis has up to 12 blocks and 4,096 columns, but at least 3 blocks, however wide
_BLOCKS = 12
_BASIS_COLUMNS = 4_096
_BLOCKS_AT_LEAST = 3


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """The leading eigenpairs of a symmetric matrix A, and how they were found.

    values: `(k,)`, descending. vectors: `(size, k)`, orthonormal. residuals: `(k,)`,
    |A q - value q| / value for each vector q, and 0 if that is rounding error. products: number of
    products with A. converged: whether every residual is at most `TOLERANCE`.
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
    """Finds the k largest eigenvalues of a positive semidefinite matrix A, `(size, size)`.

    Args:
        multiply: returns A V for V `(size, b)` float64, which has up to max(k + 16, 2 k)
            orthonormal columns.
        size: of A.
        k: number of eigenvalues.
        seed: for the random first block.
        products_at_most: number of products after which the search stops.
    """
    width = min(size, max(k + _OVERSAMPLING, 2 * k))
    basis = _Basis(size, capacity=_capacity(size, width))
    block = np.linalg.qr(np.random.default_rng(seed).standard_normal((size, width)))[0]
    for products in range(1, products_at_most + 1):
        remainder, triangle = np.linalg.qr(basis.extend(block, multiply(block)))
        values, rotation = basis.ritz()
        rounding = rounding_level(float(values[0]), size)
        # the part of A times the basis outside its span is the newest block's remainder
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
    """Returns the residuals relative to their values, and 0 for those that are rounding errors."""
    relative = np.zeros_like(residuals)
    # never a division by 0: if `rounding` is 0, A is 0, and no residual is above it
    units = np.maximum(np.abs(values), rounding)
    return np.divide(residuals, units, out=relative, where=residuals > rounding)


def _capacity(size: int, width: int) -> int:
    """Returns the largest number of columns of a basis with blocks of this width."""
    return min(size, max(_BLOCKS_AT_LEAST * width, min(_BLOCKS * width, _BASIS_COLUMNS)))


class _Basis:
    """Orthonormal columns `(size, width)`, and the projection of the matrix onto them.

    capacity: the largest width.
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
        """Adds a block `(size, b)`; returns the part of its product that is outside the basis."""
        new = slice(self.width, self.width + block.shape[1])
        self._vectors[:, new] = block
        self.width = new.stop
        inside = self.vectors.T @ product
        self._projected[: self.width, new] = inside
        self._projected[new, : self.width] = inside.T
        return self._remove(product - self.vectors @ inside)

    def ritz(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns the Ritz values `(width,)`, descending, and the rotation `(width, width)`.

        The Ritz vectors are the basis times the rotation.
        """
        ascending, rotation = np.linalg.eigh(self._projected[: self.width, : self.width])
        return ascending[::-1], rotation[:, ::-1]

    def orthonormal_outside(
        self, remainder: NDArray[np.float64], triangle: NDArray[np.float64], rounding: float
    ) -> NDArray[np.float64]:
        """Returns the next block: an orthonormal basis of remainder @ triangle.

        Directions that are only rounding errors are dropped, so the block may become narrower.

        Args:
            remainder: Q of a QR factorisation.
            triangle: R of it.
            rounding: the length of a direction that is only rounding error.
        """
        rotation, lengths, _ = np.linalg.svd(triangle)
        room = self._vectors.shape[0] - self.width
        kept = rotation[:, lengths > rounding][:, :room]
        # short directions are the least orthogonal to the basis, so it is removed twice
        return np.linalg.qr(self._remove(self._remove(remainder @ kept)))[0]

    def restart(self, values: NDArray[np.float64], rotation: NDArray[np.float64]) -> None:
        """Shrinks the basis to half its capacity: the Ritz vectors with the largest values.

        The next block still contains the part of A times these vectors that is outside their span.
        """
        kept = self.capacity // 2
        self._vectors[:, :kept] = self.vectors @ rotation[:, :kept]
        self._projected[:] = 0.0
        np.fill_diagonal(self._projected[:kept, :kept], values[:kept])
        self.width = kept

    def _remove(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """Subtracts from the block its projection onto the basis."""
        outside: NDArray[np.float64] = block - self.vectors @ (self.vectors.T @ block)
        return outside
