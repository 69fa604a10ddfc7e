"""What the analysis reads: a table of numbers that only ever passes by; see `FeatureTable`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.floating[Any]]
Summary = TypeVar("Summary")


class FeatureTable(Protocol):
    """`(rows, d)` numbers in partitions, each of which is read batch by batch.

    The same rows must come in the same partitions at every pass, or results differ in their last
    digits from one time to the next.
    """

    @property
    def rows(self) -> int:
        """How many rows there are, known before any pass (Parquet has it in its footers)."""

    @property
    def columns(self) -> Sequence[str]:
        """The name of each of the d columns, as an error should call it: `features[17]`."""

    def reduce(
        self,
        summarise: Callable[[Iterator[Batch]], Summary],
        merge: Callable[[Summary, Summary], Summary],
    ) -> Summary:
        """One pass over the table.

        summarise: called where a partition lies, so it and what it returns can be pickled. It gets
            the partition's batches, `(m, d)` float32 or float64 with any m, none for an empty
            partition; some hundreds of rows at a time make the best of BLAS.
        merge: joins the summaries of two neighbours, the earlier first. It changes neither.

        Partitions are merged in their own order, in the same grouping each time. A table without
        any partition counts as one empty partition.
        """
