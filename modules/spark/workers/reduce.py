"""What `reduce` does on a worker with the components it has found; see `Score`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from ..pca import PrincipalComponents
from ..pca.table import Batch


def schema_of(names: Sequence[str], components: int) -> pa.Schema:
    """The columns of scores: those of these names, and pca_1, pca_2 and so on."""
    scores = [(f"pca_{index + 1}", pa.float64()) for index in range(components)]
    return pa.schema([*((name, pa.string()) for name in names), *scores])


@dataclass(frozen=True)
class Score:
    """Rows -> their parts in each component, beside the columns `names`."""

    fitted: PrincipalComponents
    names: tuple[str, ...]

    def __call__(self, batch: pa.RecordBatch, vectors: Batch) -> pa.RecordBatch:
        """`batch` has all columns of the table, `vectors` its `(m, d)` numbers."""
        scores = self.fitted.transform(vectors)
        columns = [batch.column(name) for name in self.names]
        columns += [pa.array(scores[:, index]) for index in range(scores.shape[1])]
        return pa.RecordBatch.from_arrays(columns, schema=schema_of(self.names, scores.shape[1]))
