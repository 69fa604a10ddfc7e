"""A table of features, as the components' `FeatureTable`, read by Spark; see `SparkTable`."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ...errors import JobError
from ..pca.table import Batch, Summary
from .tables import read_table

if TYPE_CHECKING:
    import pandas
    from pyspark.sql import DataFrame, SparkSession

_VECTORS = ("features", "pixels")  # what `featurize` and `thumbnails` write
_BATCH_ROWS = 8_192  # at most; BLAS makes little of few
_FAN_IN = 32  # summaries that are merged in one place


class SparkTable:
    """The rows of a table of `featurize` or `thumbnails` that have no error.

    kind: the column that holds each row's numbers.
    """

    def __init__(self, spark: SparkSession, place: str) -> None:
        """Opens the table at `place`.

        Raises:
            JobError: it is not there, has no features, or no row without an error.
        """
        table = read_table(spark, place)
        if table is None:
            raise JobError(f"{place}: there is no table of Parquet files")
        kinds = [name for name in _VECTORS if name in table.columns]
        if not kinds:
            raise JobError(
                f"{place} has no column {' or '.join(_VECTORS)}, as featurize and thumbnails write "
                f"them; it has {', '.join(table.columns)}"
            )
        self.kind = kinds[0]
        if "error" in table.columns:
            table = table.where("error is null")
        self.table = table
        self._spark = spark
        self._place = place
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(_BATCH_ROWS))

    @cached_property
    def rows(self) -> int:
        """See `FeatureTable`."""
        return self.table.count()

    @cached_property
    def columns(self) -> list[str]:
        """See `FeatureTable`; as many as the first row has."""
        first = self.table.select(self.kind).first()
        if first is None:
            raise JobError(f"{self._place}: there is no row without an error")
        return [f"{self.kind}[{index}]" for index in range(len(first[0]))]

    def reduce(
        self,
        summarise: Callable[[Iterator[Batch]], Summary],
        merge: Callable[[Summary, Summary], Summary],
    ) -> Summary:
        """See `FeatureTable`; one partition a core, so that there are few summaries."""
        cores = self._spark.sparkContext.defaultParallelism
        vectors = self.table.select(self.kind).coalesce(cores)
        worker = _Summarise(summarise, len(self.columns), self.kind)
        summaries = vectors.mapInArrow(worker, "place int, summary binary")
        if cores > _FAN_IN:
            groups = summaries.groupBy((summaries["place"] / _FAN_IN).cast("int"))
            summaries = groups.applyInPandas(_merging(merge), summaries.schema)
        rows = sorted(summaries.collect(), key=lambda row: row["place"])
        found = [pickle.loads(row["summary"]) for row in rows]  # noqa: S301 - our own workers'
        return reduce(merge, found) if found else summarise(iter(()))

    def map(
        self, function: Callable[[pa.RecordBatch, Batch], pa.RecordBatch], schema: Any
    ) -> DataFrame:
        """A row for each: `function` gets batches of all columns, and their `(m, d)` numbers."""
        return self.table.mapInArrow(_Map(function, len(self.columns), self.kind), schema)


@dataclass(frozen=True)
class _Summarise:
    """Summarises a partition, on a worker."""

    summarise: Callable[[Iterator[Batch]], Any]
    width: int
    kind: str

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        context = TaskContext.get()
        vectors = (numbers(batch.column(0), self.kind, self.width) for batch in batches)
        data = pickle.dumps(self.summarise(vectors))
        place = context.partitionId() if context else 0
        columns = [pa.array([place], pa.int32()), pa.array([data], pa.binary())]
        yield pa.RecordBatch.from_arrays(columns, ["place", "summary"])


def _merging(merge: Callable[[Any, Any], Any]) -> Callable[[pandas.DataFrame], pandas.DataFrame]:
    """What merges neighbouring summaries, on a worker: a function, as Spark counts arguments."""

    def merge_rows(rows: pandas.DataFrame) -> pandas.DataFrame:
        rows = rows.sort_values("place")
        merged = reduce(merge, map(pickle.loads, rows["summary"]))
        return rows[:1].assign(summary=[pickle.dumps(merged)])

    return merge_rows


@dataclass(frozen=True)
class _Map:
    """Maps the rows of a partition, on a worker."""

    function: Callable[[pa.RecordBatch, Batch], pa.RecordBatch]
    width: int
    kind: str

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield self.function(batch, numbers(batch.column(self.kind), self.kind, self.width))


def numbers(column: pa.Array, kind: str, width: int) -> Batch:
    """The numbers of a column of lists, or of bytes, as `(rows, width)` float32.

    Raises:
        JobError: rows are of other widths than the first row of the table.
    """
    if pa.types.is_binary(column.type):
        flat = np.frombuffer(b"".join(column.to_pylist()), np.uint8).astype(np.float32)
    else:
        flat = column.flatten().to_numpy(zero_copy_only=False)
    if len(flat) != len(column) * width or column.null_count:
        raise JobError(f"{kind}: the first row has {width:,} values, and others have more or fewer")
    return flat.reshape(len(column), width)
