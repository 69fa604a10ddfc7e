"""Every method finds scikit-learn's components, for every shape and kind of column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from modules.errors import JobError
from modules.spark.pca import fit
from tests.spark.pca.memory_table import MemoryTable
from tests.spark.pca.oracle import assert_agrees
from tests.spark.pca.tables import decaying

METHODS = ["rows", "covariance", "krylov"]

every_method = pytest.mark.parametrize("method", METHODS)


@every_method
@pytest.mark.parametrize("shape", [(40, 300), (300, 40), (500, 500), (2, 5), (5, 1)], ids=str)
def test_components_are_those_of_scikit_learn(shape: tuple[int, int], method: str) -> None:
    values = decaying(*shape)

    fitted = fit(MemoryTable(values, [shape[0] // 3]), min(16, shape[1]), method=method)

    assert_agrees(fitted, values)
    assert (fitted.rows, fitted.columns, fitted.method) == (*shape, method)


@pytest.mark.parametrize("method", ["rows", "covariance"])
def test_an_exact_method_reads_the_table_once(method: str) -> None:
    table = MemoryTable(decaying(100, 30), [10, 50])

    fitted = fit(table, 3, method=method)

    assert table.passes == fitted.passes == 1


@every_method
def test_k_may_be_the_number_of_columns(method: str) -> None:
    values = decaying(90, 30)

    assert_agrees(fit(MemoryTable(values), 30, method=method), values)


@every_method
def test_float32_is_computed_at_double_precision(method: str) -> None:
    values = (decaying(200, 30) + 100).astype(np.float32)

    assert_agrees(fit(MemoryTable(values, batch_rows=7), 8, method=method), values)


@every_method
def test_columns_far_from_zero_keep_their_accuracy(method: str) -> None:
    values = decaying(400, 20)
    values = 1e6 + 1e-2 * values / values.std(axis=0)

    assert_agrees(fit(MemoryTable(values, [7, 150], 11), 8, method=method), values)


@every_method
@pytest.mark.parametrize("size", [1e-100, 1e-12, 1e12, 1e100])
def test_units_do_not_matter(method: str, size: float) -> None:
    values = decaying(60, 20)
    units = np.where(np.arange(20) % 2, size, 1.0)

    fitted = fit(MemoryTable(values * units, [20], 8), 5, method=method)

    plain = fit(MemoryTable(values, [20], 8), 5, method=method)
    np.testing.assert_allclose(fitted.explained_variance, plain.explained_variance, rtol=1e-9)


@every_method
def test_constant_duplicate_and_mirrored_columns_add_no_variance(method: str) -> None:
    values = decaying(200, 12)
    values = np.hstack([values, values[:, :4], -3 * values[:, 4:8], np.full((200, 2), 0.1)])
    notes: list[str] = []

    fitted = fit(MemoryTable(values, [3, 90], 13), 16, method=method, note=notes.append)

    assert_agrees(fitted, values)
    np.testing.assert_array_equal(fitted.scale[-2:], 1.0)
    np.testing.assert_array_equal(fitted.mean[-2:], 0.1)
    np.testing.assert_array_equal(fitted.explained_variance[12:], 0.0)
    np.testing.assert_allclose(fitted.components[:12, -2:], 0.0, atol=1e-12)
    assert "2 of 22 columns are constant" in notes[1]
    assert "variance along 12 of 16 components" in notes[2]


@every_method
def test_a_table_of_constants_has_components_without_variance(method: str) -> None:
    fitted = fit(MemoryTable(np.full((30, 5), 1e6 / 3), [10]), 3, method=method)

    np.testing.assert_array_equal(fitted.explained_variance, 0.0)
    np.testing.assert_array_equal(fitted.explained_variance_ratio, 0.0)
    np.testing.assert_array_equal(fitted.components, np.eye(5)[:3])


@every_method
def test_components_beyond_the_number_of_rows_have_no_variance(method: str) -> None:
    values = decaying(8, 300)
    notes: list[str] = []

    fitted = fit(MemoryTable(values, [3]), 16, method=method, note=notes.append)

    assert_agrees(fitted, values)
    assert np.count_nonzero(fitted.explained_variance) == 7
    assert "variance along 7 of 16 components" in notes[-1]


@every_method
def test_mirrored_columns_do_not_change_the_sign_of_a_component(method: str) -> None:
    column = np.random.default_rng(2).standard_normal((100, 1))

    for values in (np.hstack([column, -column]), np.hstack([-column, column])):
        component = fit(MemoryTable(values, [31], 9), 1, method=method).components[0]
        np.testing.assert_allclose(component, [0.5**0.5, -(0.5**0.5)], rtol=1e-12)


@every_method
def test_the_same_table_and_seed_give_the_same_bytes(method: str) -> None:
    values = decaying(300, 50)

    first, second = (
        fit(MemoryTable(values, [90, 200], 17), 6, method=method, seed=5) for _ in range(2)
    )

    assert first.to_bytes() == second.to_bytes()


@every_method
@pytest.mark.parametrize(
    ("partitions", "batch_rows"),
    [([], 1), ([1, 2], 64), ([0, 0, 100, 100, 300], 13), ([150], 1000)],
    ids=["single rows", "small partitions", "empty partitions", "halves"],
)
def test_partitions_and_batches_do_not_matter(
    method: str, partitions: list[int], batch_rows: int
) -> None:
    values = 5 + decaying(300, 50)
    whole = fit(MemoryTable(values), 6, method=method)

    fitted = fit(MemoryTable(values, partitions, batch_rows), 6, method=method)

    np.testing.assert_allclose(fitted.mean, whole.mean, rtol=1e-10)
    np.testing.assert_allclose(fitted.scale, whole.scale, rtol=1e-10)
    np.testing.assert_allclose(fitted.explained_variance, whole.explained_variance, rtol=1e-10)
    np.testing.assert_allclose(fitted.components, whole.components, atol=1e-10)


@every_method
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_with_their_columns(
    method: str, value: float
) -> None:
    values = decaying(50, 20)
    values[[3, 40], 7] = value
    values[40, 11] = value

    with pytest.raises(
        JobError, match=r"^columns features\[7\], features\[11\]: .* in 2 of 50 rows"
    ):
        fit(MemoryTable(values, [20], 6), 3, method=method)


def test_the_first_ten_columns_are_named_and_the_others_counted() -> None:
    values = np.full((3, 25), np.nan)

    with pytest.raises(
        JobError, match=r"features\[9\] and 15 more: NaN or infinite in 3 of 3 rows"
    ):
        fit(MemoryTable(values), 3)


@every_method
def test_values_without_finite_squares_are_refused(method: str) -> None:
    values = decaying(50, 4)
    values[:, 2] *= 1e200

    with pytest.raises(JobError, match=r"^column features\[2\]: values so large"):
        fit(MemoryTable(values, [20], 6), 2, method=method)


@pytest.mark.parametrize("k", [0, -1, 31])
def test_k_is_from_1_to_the_number_of_columns(k: int) -> None:
    with pytest.raises(JobError, match=f"must be from 1 to the number of columns, 30; it is {k}"):
        fit(MemoryTable(decaying(50, 30)), k)


@pytest.mark.parametrize("rows", [0, 1])
def test_one_row_has_no_components(rows: int) -> None:
    with pytest.raises(JobError, match=f"at least 2 rows; the table has {rows}"):
        fit(MemoryTable(decaying(2, 30)[:rows]), 3)


@every_method
@pytest.mark.parametrize("stated", [40, 60])
def test_a_table_with_another_number_of_rows_is_refused(method: str, stated: int) -> None:
    table = MemoryTable(decaying(50, 30))
    table.rows = stated

    with pytest.raises(JobError, match=f"has {stated} rows, but 50 were read"):
        fit(table, 3, method=method)


@every_method
def test_a_table_without_the_stated_rows_is_refused(method: str) -> None:
    table = MemoryTable(np.empty((0, 30)), [0, 0])
    table.rows = 50

    with pytest.raises(JobError, match="has 50 rows, but 0 were read"):
        fit(table, 3, method=method)


@every_method
def test_rows_of_another_width_are_refused(method: str) -> None:
    table = MemoryTable(decaying(50, 30))
    table.columns.append("one too many")

    with pytest.raises(JobError, match="names 31 columns, but its rows have 30 values"):
        fit(table, 3, method=method)


def test_the_method_is_noted_with_its_reason() -> None:
    notes: list[str] = []

    fitted = fit(MemoryTable(decaying(50, 30)), 3, note=notes.append)

    assert fitted.method == "rows"
    assert notes == [fitted.reason]
    assert "50 rows of 30 columns" in fitted.reason


@given(
    arrays(np.int8, array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=9)),
    st.integers(1, 9),
    st.lists(st.integers(0, 9), max_size=3),
    st.integers(1, 4),
)
@settings(deadline=None, max_examples=40)
def test_small_tables_of_every_kind_agree_with_scikit_learn(
    integers: NDArray[np.int8], k: int, partitions: list[int], batch_rows: int
) -> None:
    values = integers.astype(np.float32)
    table = MemoryTable(values, sorted(partitions), batch_rows)

    for method in METHODS:
        assert_agrees(fit(table, min(k, values.shape[1]), method=method), values)
