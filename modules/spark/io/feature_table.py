"""Reads a table of features with Spark, as the `FeatureTable` of pca/; see `SparkTable`."""

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

_VECTOR_COLUMNS = ("features", "pixels")  # written by `featurize` and `thumbnails`
_BATCH_ROWS = 8_192  # at most; BLAS is slow on small batches
_FAN_IN = 32  # how many summaries one task, or the driver, merges


class SparkTable:
    """The rows without an error in a table of `featurize` or `thumbnails`.

    table: these rows. vector_column: the name of the column with each row's numbers.
    """

    def __init__(self, spark: SparkSession, location: str) -> None:
        """Opens the table at `location`.

        Raises:
            JobError: there is no table, or it has no column of features or pixels.
        """
        table = read_table(spark, location)
        if table is None:
            raise JobError(f"{location}: there is no table of Parquet files")
        found = [name for name in _VECTOR_COLUMNS if name in table.columns]
        if not found:
            raise JobError(
                f"{location} has no column {' or '.join(_VECTOR_COLUMNS)}, as featurize and "
                f"thumbnails write them; it has {', '.join(table.columns)}"
            )
        self.vector_column = found[0]
        if "error" in table.columns:
            table = table.where("error is null")
        self.table = table
        self._spark = spark
        self._location = location
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(_BATCH_ROWS))

    @cached_property
    def rows(self) -> int:
        """See `FeatureTable`."""
        return self.table.count()

    @cached_property
    def columns(self) -> list[str]:
        """See `FeatureTable`. The first row has one number per column.

        Raises:
            JobError: there is no row without an error.
        """
        first = self.table.select(self.vector_column).first()
        if first is None:
            raise JobError(f"{self._location}: there is no row without an error")
        return [f"{self.vector_column}[{index}]" for index in range(len(first[0]))]

    def reduce(
        self,
        summarise: Callable[[Iterator[Batch]], Summary],
        merge: Callable[[Summary, Summary], Summary],
    ) -> Summary:
        """See `FeatureTable`. There is one partition per core, so that summaries are few."""
        cores = self._spark.sparkContext.defaultParallelism
        vectors = self.table.select(self.vector_column).coalesce(cores)
        worker = _SummarisePartition(summarise, len(self.columns), self.vector_column)
        summaries = vectors.mapInArrow(worker, "partition int, summary binary")
        if cores > _FAN_IN:
            groups = summaries.groupBy((summaries["partition"] / _FAN_IN).cast("int"))
            summaries = groups.applyInPandas(_merge_rows_with(merge), summaries.schema)
        rows = sorted(summaries.collect(), key=lambda row: row["partition"])
        found = [pickle.loads(row["summary"]) for row in rows]  # noqa: S301 - our own workers'
        return reduce(merge, found) if found else summarise(iter(()))

    def map(
        self, function: Callable[[pa.RecordBatch, Batch], pa.RecordBatch], schema: Any
    ) -> DataFrame:
        """Returns the rows that `function` makes of the table, one for each.

        Args:
            function: takes batches of all columns, and their vectors `(m, d)`.
            schema: of the rows that it returns, as Spark takes it.
        """
        worker = _MapPartition(function, len(self.columns), self.vector_column)
        return self.table.mapInArrow(worker, schema)


@dataclass(frozen=True)
class _SummarisePartition:
    """Summarises a partition, on a worker; yields one row: its number and the pickled summary."""

    summarise: Callable[[Iterator[Batch]], Any]
    width: int
    name: str

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        context = TaskContext.get()
        vectors = (to_array(batch.column(0), self.name, self.width) for batch in batches)
        data = pickle.dumps(self.summarise(vectors))
        partition = context.partitionId() if context else 0
        columns = [pa.array([partition], pa.int32()), pa.array([data], pa.binary())]
        yield pa.RecordBatch.from_arrays(columns, ["partition", "summary"])


def _merge_rows_with(
    merge: Callable[[Any, Any], Any],
) -> Callable[[pandas.DataFrame], pandas.DataFrame]:
    """Returns a function that merges the summaries of neighbouring partitions, on a worker.

    It is a function and no object, because Spark counts the arguments that it takes.
    """

    def merge_rows(rows: pandas.DataFrame) -> pandas.DataFrame:
        rows = rows.sort_values("partition")
        merged = reduce(merge, map(pickle.loads, rows["summary"]))
        return rows[:1].assign(summary=[pickle.dumps(merged)])

    return merge_rows


@dataclass(frozen=True)
class _MapPartition:
    """Maps the rows of a partition, on a worker."""

    function: Callable[[pa.RecordBatch, Batch], pa.RecordBatch]
    width: int
    name: str

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield self.function(batch, to_array(batch.column(self.name), self.name, self.width))


def to_array(column: pa.Array, name: str, width: int) -> Batch:
    """Converts a column of lists of numbers, or of bytes, to an array `(rows, width)` float32.

    Args:
        column: the column.
        name: its name, for the error.
        width: how many numbers the first row of the table has.

    Raises:
        JobError: another row has more or fewer numbers than the first one.
    """
    if pa.types.is_binary(column.type):
        flat = np.frombuffer(b"".join(column.to_pylist()), np.uint8).astype(np.float32)
    else:
        flat = column.flatten().to_numpy(zero_copy_only=False)
    if len(flat) != len(column) * width or column.null_count:
        raise JobError(f"{name}: the first row has {width:,} values, and others have more or fewer")
    return flat.reshape(len(column), width)
