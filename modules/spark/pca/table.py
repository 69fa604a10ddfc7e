"""The interface of a table of numbers that is read batch by batch; see `FeatureTable`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.floating[Any]]
Summary = TypeVar("Summary")


class FeatureTable(Protocol):
    """`(rows, d)` numbers in partitions, each of which is read batch by batch.

    Every pass must have the same rows in the same partitions, or equal tables give results that
    differ in their last digits.
    """

    @property
    def rows(self) -> int:
        """Number of rows, known before any pass (Parquet stores it in its footers)."""

    @property
    def columns(self) -> Sequence[str]:
        """Name of each of the d columns for error messages, like `features[17]`."""

    def reduce(
        self,
        summarise: Callable[[Iterator[Batch]], Summary],
        merge: Callable[[Summary, Summary], Summary],
    ) -> Summary:
        """Makes one pass over the table; returns the merged summaries of all partitions.

        Partitions are merged in their order, with the same grouping each time. A table without any
        partition counts as one empty partition.

        Args:
            summarise: takes the batches of a partition, `(m, d)` float32 or float64 with any m, and
                none for an empty partition. BLAS is fastest on batches of some hundreds of rows.
                The function and what it returns are pickled, as it runs on a worker.
            merge: combines the summaries of two neighbouring partitions, the earlier first. It
                must not change its arguments.
        """
