"""Which method is chosen for which shape; no table is read."""

from __future__ import annotations

import pytest

from modules.errors import JobError
from modules.spark.pca.choice import choose


@pytest.mark.parametrize(
    ("rows", "columns", "method"),
    [
        (8, 300, "rows"),
        (8, 4_000_000, "rows"),
        (8, 4_000_001, "krylov"),
        (2_048, 15_625, "rows"),
        (2_048, 15_626, "krylov"),
        (2_049, 4_096, "covariance"),
        (2_049, 4_097, "krylov"),
        (1_000_000_000, 4_096, "covariance"),
        (1_000_000_000, 100_000, "krylov"),
    ],
)
def test_the_shape_decides_the_method(rows: int, columns: int, method: str) -> None:
    choice = choose(rows, columns, k=16)

    assert choice.method == method
    assert choice.reason.startswith(f"{method}: {rows:,} rows of {columns:,} columns")


@pytest.mark.parametrize("method", ["rows", "covariance", "krylov"])
def test_a_feasible_method_can_be_requested(method: str) -> None:
    assert choose(3_000, 5_000, k=16, method=method).method == method


@pytest.mark.parametrize(
    ("rows", "columns", "k", "method", "why"),
    [
        (2_000_000, 100, 3, "rows", "2,000,000 x 100 are 1,600 MB, and 256 MB are the limit"),
        (50, 8_192, 3, "covariance", "fewer than 8,192 columns; here are 8,192. Use 'krylov'"),
        (9_999, 12_000, 1_001, "krylov", "up to 1,000 components of 12,000 columns"),
        (9_999, 12_000, 1_001, "auto", "up to 1,000 components of 12,000 columns"),
        (50, 50, 3, "svd", "method 'svd': must be one of auto, rows, covariance, krylov"),
    ],
)
def test_an_infeasible_method_is_refused_with_the_limit(
    rows: int, columns: int, k: int, method: str, why: str
) -> None:
    with pytest.raises(JobError, match=why):
        choose(rows, columns, k, method)
