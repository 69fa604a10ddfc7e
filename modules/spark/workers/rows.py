"""What runs on Spark's workers for every job over images: start at `rows_of`."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import cv2
import pyarrow as pa

from ...errors import PermanentError, TransientError

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator

_Kept = TypeVar("_Kept")
_kept: dict[Hashable, Any] = {}


def keep(key: Hashable, make: Callable[[], _Kept]) -> _Kept:
    """What `make` makes, once in the life of a worker process, which serves many tasks."""
    cv2.setNumThreads(1)  # a worker has a core; so do its neighbours
    if key not in _kept:
        _kept.clear()  # of an earlier job of the session
        _kept[key] = make()
    kept: _Kept = _kept[key]
    return kept


def read_ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same batches, the next being read while the last one is worked on.

    Spark reads files only when a worker takes them, and a worker takes none while it computes: one
    would wait for the other, with S3 most of the time. In memory are up to three batches.
    """
    waiting: queue.Queue[pa.RecordBatch | BaseException | None] = queue.Queue(maxsize=1)

    def read() -> None:
        try:
            for batch in batches:
                waiting.put(batch)
            waiting.put(None)
        except BaseException as error:  # for the worker's own thread to raise
            waiting.put(error)

    threading.Thread(target=read, daemon=True).start()
    while (batch := waiting.get()) is not None:
        if isinstance(batch, BaseException):
            raise batch
        yield batch


def rows_of(
    batches: Iterator[pa.RecordBatch],
    schema: pa.Schema,
    done: Accumulator[int],
    make: Callable[[str, bytes], dict[str, Any]],
) -> Iterator[pa.RecordBatch]:
    """A row of `schema` for each image of `Images.contents`.

    Args:
        batches: of images.
        schema: begins with `rounds.FIELDS`.
        done: counts them.
        make: (path, bytes) -> the row's other columns. What it raises is the row's error, but for
            `TransientError`, for which the image is not to blame: that fails the task.
    """
    for batch in read_ahead(batches):
        rows = []
        for index in range(batch.num_rows):
            path, size, modified = (batch.column(place)[index].as_py() for place in range(3))
            row = {"path": path, "size": size, "modified": modified}
            try:
                row |= make(path, batch.column(3)[index].as_py())
            except TransientError:
                raise
            except Exception as error:  # the edge: whatever it was, it costs no neighbour
                row["error"] = _reason(error)
            done.add(1)
            rows.append(row)
        yield pa.RecordBatch.from_pylist(rows, schema)


def _reason(error: Exception) -> str:
    """Our own errors say all there is to say; of others, the kind says more than the text."""
    return str(error) if isinstance(error, PermanentError) else f"{type(error).__name__}: {error}"
