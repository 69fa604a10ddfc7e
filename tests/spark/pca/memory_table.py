"""A `FeatureTable` over an array, as strict as one on many machines."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from modules.spark.pca.table import Batch

Summary = TypeVar("Summary")


class MemoryTable:
    """Splits an array into partitions and batches; pickles everything that workers would get.

    partitions: the first row of each partition after the first one. passes: number of passes.
    """

    def __init__(
        self, values: NDArray[Any], partitions: Sequence[int] = (), batch_rows: int = 1000
    ) -> None:
        self.passes = 0
        self.columns = [f"features[{index}]" for index in range(values.shape[1])]
        self.rows = len(values)
        self._partitions = np.split(values, partitions)
        self._batch_rows = batch_rows

    def reduce(
        self,
        summarise: Callable[[Iterator[Batch]], Summary],
        merge: Callable[[Summary, Summary], Summary],
    ) -> Summary:
        self.passes += 1
        task = pickle.dumps(summarise)
        summaries = [
            pickle.dumps(pickle.loads(task)(self._batches(partition)))  # noqa: S301 - our own
            for partition in self._partitions
        ]
        pickle.dumps(merge)
        merged: Summary = pickle.loads(summaries[0])  # noqa: S301 - our own
        for summary in summaries[1:]:
            merged = merge(merged, pickle.loads(summary))  # noqa: S301 - our own
        return merged

    def _batches(self, partition: NDArray[Any]) -> Iterator[Batch]:
        for start in range(0, len(partition), self._batch_rows):
            yield partition[start : start + self._batch_rows]
