"""Makes one row per image on a worker, for every job over images; start at `make_rows`."""

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

# The first columns of every table with one row per image
FIELDS = (
    pa.field("path", pa.string()),
    pa.field("size", pa.int64()),  # in bytes
    pa.field("modified", pa.timestamp("us", "UTC")),
    pa.field("error", pa.string()),
)

_Value = TypeVar("_Value")
_loaded: dict[Hashable, Any] = {}


def load_once(key: Hashable, load: Callable[[], _Value]) -> _Value:
    """Returns the value of `load()` for `key`, computed once per worker process.

    A worker process serves many tasks, and many jobs of a session. It keeps the last value only.
    """
    use_one_thread()
    if key not in _loaded:
        _loaded.clear()
        _loaded[key] = load()
    value: _Value = _loaded[key]
    return value


def use_one_thread() -> None:
    """Limits OpenCV to one thread, as Spark runs one worker per core."""
    cv2.setNumThreads(1)


def read_ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yields the same batches, and reads the next one while the caller works on the last.

    Spark reads files only when a worker takes them, and a worker takes none while it computes.
    Without this, one would always wait for the other, most of all with S3. Up to three batches are
    in memory.
    """
    waiting: queue.Queue[pa.RecordBatch | BaseException | None] = queue.Queue(maxsize=1)

    def read() -> None:
        try:
            for batch in batches:
                waiting.put(batch)
            waiting.put(None)
        except BaseException as error:  # raised again below, in the worker's own thread
            waiting.put(error)

    threading.Thread(target=read, daemon=True).start()
    while (batch := waiting.get()) is not None:
        if isinstance(batch, BaseException):
            raise batch
        yield batch


def make_rows(
    batches: Iterator[pa.RecordBatch],
    schema: pa.Schema,
    done: Accumulator[int],
    make_row: Callable[[str, bytes], dict[str, Any]],
) -> Iterator[pa.RecordBatch]:
    """Yields a row of `schema` for each image.

    Args:
        batches: images, with the columns of `Images.contents`.
        schema: begins with `FIELDS`.
        done: counts finished images.
        make_row: (path, bytes) -> the other columns of the row. Its exception becomes the row's
            error, except for `TransientError`: the image did not cause that, so the task fails.
    """
    for batch in read_ahead(batches):
        rows = []
        for index in range(batch.num_rows):
            path, size, modified = (batch.column(column)[index].as_py() for column in range(3))
            row = {"path": path, "size": size, "modified": modified}
            try:
                row |= make_row(path, batch.column(3)[index].as_py())
            except TransientError:
                raise
            except Exception as error:  # one bad image must not fail the others of its task
                row["error"] = _describe(error)
            done.add(1)
            rows.append(row)
        yield pa.RecordBatch.from_pylist(rows, schema)


def _describe(error: Exception) -> str:
    """Returns the text of our own errors, which is complete; of others, the class and the text."""
    return str(error) if isinstance(error, PermanentError) else f"{type(error).__name__}: {error}"
