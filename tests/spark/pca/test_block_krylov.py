"""The eigensolver, on matrices with known eigenvalues."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from modules.spark.pca.block_krylov import Eigenpairs, leading_eigenpairs


def matrix_with(eigenvalues: NDArray[np.float64]) -> NDArray[np.float64]:
    size = len(eigenvalues)
    vectors = np.linalg.qr(np.random.default_rng(4).standard_normal((size, size)))[0]
    matrix: NDArray[np.float64] = (vectors * eigenvalues) @ vectors.T
    return matrix


def solve(matrix: NDArray[np.float64], k: int, products_at_most: int = 100) -> Eigenpairs:
    return leading_eigenpairs(
        lambda block: matrix @ block, len(matrix), k, seed=0, products_at_most=products_at_most
    )


@pytest.mark.parametrize(
    "eigenvalues",
    [
        np.linspace(1, 2, 400)[::-1],
        0.9 ** np.arange(400),
        1e-30 * 0.99 ** np.arange(400),
        np.repeat([5.0, 4.0, 3.0, 0.1], 100),
        np.r_[np.ones(3), np.zeros(397)],
        np.zeros(400),
        np.r_[1e12, np.linspace(2, 1, 399)],
    ],
    ids=["even", "decaying", "tiny", "clusters", "rank 3", "zero", "one giant"],
)
def test_eigenvalues_are_found_with_small_residuals(eigenvalues: NDArray[np.float64]) -> None:
    matrix = matrix_with(eigenvalues)

    found = solve(matrix, 8)

    assert found.converged
    largest = eigenvalues[0]
    np.testing.assert_allclose(found.values, eigenvalues[:8], rtol=1e-6, atol=1e-12 * largest)
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(8), atol=1e-12)
    residuals = np.linalg.norm(matrix @ found.vectors - found.vectors * found.values, axis=0)
    np.testing.assert_array_less(residuals, 1.1e-6 * found.values + 1e-11 * largest + 1e-300)


def test_a_search_that_is_stopped_early_returns_its_residuals() -> None:
    matrix = matrix_with(np.linspace(1, 2, 400)[::-1])

    found = solve(matrix, 8, products_at_most=15)

    assert not found.converged
    assert found.products == 15
    residuals = np.linalg.norm(matrix @ found.vectors - found.vectors * found.values, axis=0)
    np.testing.assert_allclose(found.residuals, residuals / found.values, rtol=1e-6)


def test_a_block_is_never_wider_than_the_matrix() -> None:
    widths: list[int] = []
    matrix = matrix_with(np.linspace(1, 2, 10)[::-1])

    def multiply(block: NDArray[np.float64]) -> NDArray[np.float64]:
        widths.append(block.shape[1])
        product: NDArray[np.float64] = matrix @ block
        return product

    leading_eigenpairs(multiply, 10, 3, seed=0, products_at_most=10)

    assert widths == [10]


@pytest.mark.parametrize(("k", "width"), [(3, 19), (16, 32), (20, 40)])
def test_a_block_has_more_columns_than_k(k: int, width: int) -> None:
    widths: list[int] = []

    def multiply(block: NDArray[np.float64]) -> NDArray[np.float64]:
        widths.append(block.shape[1])
        return block

    leading_eigenpairs(multiply, 500, k, seed=0, products_at_most=10)

    assert widths == [width]
