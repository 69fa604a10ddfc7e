"""One pass over partitions gives what NumPy computes from the whole array."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from modules.spark.pca.covariance import merge_scatters, summarise_scatter
from modules.spark.pca.moments import read_moments
from modules.spark.pca.standardisation import Standardisation, is_constant, total_variance
from tests.spark.pca.memory_table import MemoryTable
from tests.spark.pca.tables import decaying


@given(st.lists(st.integers(0, 60), max_size=5), st.integers(1, 70))
def test_moments_are_those_of_the_whole_table(partitions: list[int], batch_rows: int) -> None:
    values = 1e6 + 1e-2 * decaying(60, 5)

    moments = read_moments(MemoryTable(values, sorted(partitions), batch_rows))

    deviations = values - values.mean(axis=0)
    assert moments.rows == 60
    np.testing.assert_allclose(moments.mean, values.mean(axis=0), rtol=1e-15)
    np.testing.assert_allclose(moments.squares, (deviations**2).sum(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(moments.minimum, values.min(axis=0))
    np.testing.assert_array_equal(moments.maximum, values.max(axis=0))


@given(st.lists(st.integers(0, 60), max_size=5), st.integers(1, 70))
def test_a_scatter_matrix_is_symmetric_and_that_of_the_whole_table(
    partitions: list[int], batch_rows: int
) -> None:
    values = 1e3 + decaying(60, 5)
    table = MemoryTable(values, sorted(partitions), batch_rows)

    scatter = table.reduce(summarise_scatter, merge_scatters)

    assert scatter is not None
    np.testing.assert_array_equal(scatter.products, scatter.products.T)
    np.testing.assert_allclose(scatter.products, 59 * np.cov(values.T), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.diag(scatter.products), scatter.moments.squares, rtol=1e-12)


@pytest.mark.parametrize("value", [0.1, 1e6 / 3, -1e-300, 1e150])
@pytest.mark.parametrize("rows", [2, 7, 1000])
def test_a_constant_column_has_exactly_no_variance(value: float, rows: int) -> None:
    moments = read_moments(MemoryTable(np.full((rows, 2), value), [rows // 3], 10))

    np.testing.assert_array_equal(moments.mean, value)
    np.testing.assert_array_equal(moments.squares, 0.0)
    np.testing.assert_array_equal(Standardisation.of(moments).scale, 1.0)
    assert total_variance(moments) == 0.0


def test_a_column_that_varies_by_rounding_alone_is_constant() -> None:
    values = np.full((100, 2), 1e6)
    values[::2] += [1e-9, 1e-6]

    moments = read_moments(MemoryTable(values))

    assert is_constant(moments).tolist() == [True, False]
    np.testing.assert_allclose(
        Standardisation.of(moments).scale, StandardScaler().fit(values).scale_, rtol=1e-9
    )
