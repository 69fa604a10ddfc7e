"""Signs, rank and completion of components, for examples worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from modules.spark.pca.decomposition import finish_components, fix_signs


def test_the_largest_entry_of_a_component_is_positive() -> None:
    fixed = fix_signs(np.array([[0.6, -0.8], [0.8, 0.6], [-0.8, 0.6]]))

    np.testing.assert_array_equal(fixed, [[-0.6, 0.8], [0.8, 0.6], [0.8, -0.6]])


@pytest.mark.parametrize("error", [0.0, 1e-9, -1e-9])
def test_of_entries_equal_up_to_rounding_the_first_counts(error: float) -> None:
    fixed = fix_signs(np.array([[0.1, -0.5, 0.5 + error]]))

    np.testing.assert_array_equal(fixed, [[-0.1, 0.5, -0.5 - error]])


def test_variances_below_rounding_are_zero_and_their_directions_replaced() -> None:
    found = np.array([[0.0, 1.0, 0.0], [0.6, 0.0, 0.8]])

    variances, components, rank = finish_components(np.array([2.0, 1e-14]), found, k=3)

    assert rank == 1
    np.testing.assert_array_equal(variances, [2.0, 0.0, 0.0])
    np.testing.assert_array_equal(components, np.eye(3)[[1, 0, 2]])


def test_a_completion_is_orthonormal_where_every_axis_is_partly_taken() -> None:
    found = np.linalg.qr(np.random.default_rng(0).standard_normal((40, 39)))[0].T

    _, components, rank = finish_components(np.ones(39), found, k=40)

    assert rank == 39
    np.testing.assert_allclose(components @ components.T, np.eye(40), atol=1e-14)
