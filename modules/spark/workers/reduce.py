"""The worker of `reduce`: rows of features -> scores on the components; see `ScoreRows`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from ..pca import PrincipalComponents
from ..pca.table import Batch


def score_schema(names: Sequence[str], components: int) -> pa.Schema:
    """Returns the schema of scores: the text columns `names`, then pca_1, pca_2 and so on."""
    scores = [(f"pca_{index + 1}", pa.float64()) for index in range(components)]
    return pa.schema([*((name, pa.string()) for name in names), *scores])


@dataclass(frozen=True)
class ScoreRows:
    """Computes the scores of rows on each component.

    fitted: the components. names: the columns of the table that the scores keep.
    """

    fitted: PrincipalComponents
    names: tuple[str, ...]

    def __call__(self, batch: pa.RecordBatch, vectors: Batch) -> pa.RecordBatch:
        """Returns rows of `score_schema`.

        Args:
            batch: rows with all columns of the table.
            vectors: their features, `(m, d)`.
        """
        scores = self.fitted.transform(vectors)
        columns = [batch.column(name) for name in self.names]
        columns += [pa.array(scores[:, index]) for index in range(scores.shape[1])]
        return pa.RecordBatch.from_arrays(columns, schema=score_schema(self.names, scores.shape[1]))
