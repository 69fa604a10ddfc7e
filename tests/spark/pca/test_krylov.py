"""Krylov's passes over a table: their number, their restarts, and the memory that they take."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from modules.errors import JobError
from modules.spark.pca import fit
from modules.spark.pca.table import Batch
from tests.spark.pca.memory_table import MemoryTable
from tests.spark.pca.oracle import assert_agrees
from tests.spark.pca.tables import decaying


def test_krylov_restarts_when_its_basis_is_full() -> None:
    values = decaying(3000, 600, power=0.05)
    table = MemoryTable(values, [1000, 2000])

    fitted = fit(table, 16, method="krylov")

    assert_agrees(fitted, values)
    # the basis has at most 12 blocks, so more than 1 + 12 passes mean a restart
    assert 13 < table.passes == fitted.passes <= 60


def test_a_table_that_changes_between_passes_is_refused() -> None:
    class ShrinkingTable(MemoryTable):
        def _batches(self, partition: NDArray[np.float64]) -> Iterator[Batch]:
            return super()._batches(partition[: 54 - self.passes * 2])

    with pytest.raises(JobError, match="has 50 rows, but 48 were read"):
        fit(ShrinkingTable(decaying(50, 30), batch_rows=7), 3, method="krylov")


def test_krylov_never_makes_a_matrix_of_columns_by_columns() -> None:
    table = MemoryTable(decaying(200, 8192), batch_rows=100)
    tracemalloc.start()
    try:
        fit(table, 3, method="krylov")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 8192 * 8192 * 8 / 4


def test_krylov_notes_its_residuals_when_its_passes_are_used_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modules.spark.pca.krylov._PASSES_AT_MOST", 5)
    table = MemoryTable(decaying(700, 500, power=0.2))
    notes: list[str] = []

    fitted = fit(table, 4, method="krylov", note=notes.append)

    assert table.passes == fitted.passes == 5
    assert notes[1].startswith("krylov stopped after 5 passes: ")
    assert "of 4 components have residuals within 1e-06" in notes[1]
