"""Runs one task of a job over images on a worker; see `Task`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from ..io.readers import Reader, ReadImage

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator

# Images -> rows. It loads what it needs, like a network, when it is called
Worker = Callable[[Iterator[ReadImage]], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Task:
    """Opens the images of a task, and makes rows of them.

    reader: opens the images. worker: makes the rows. seconds: sums up how long the tasks take,
    without the loading of a network.
    """

    reader: Reader
    worker: Worker
    seconds: Accumulator[float]

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yields the rows; `batches` are what `Source.read` prepared."""
        rows = self.worker(self.reader(batches))
        start = time.perf_counter()
        yield from rows
        self.seconds.add(time.perf_counter() - start)
