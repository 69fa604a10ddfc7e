"""Makes one row per image on a worker, for every job over images; start at `make_rows`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import cv2
import numpy as np
import pyarrow as pa

from ...errors import PermanentError, TransientError
from ..io.readers import ReadImage

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator

# The first columns of every table with one row per image
FIELDS = (
    pa.field("path", pa.string()),
    pa.field("size", pa.int64()),  # in bytes
    pa.field("modified", pa.timestamp("us", "UTC")),
    pa.field("error", pa.string()),
)

_BATCH_ROWS, _BATCH_BYTES = 256, 4 << 20  # of rows that are sent to Java at once
_NOTHING: Mapping[str, Any] = {}

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


def make_rows(
    images: Iterator[ReadImage],
    schema: pa.Schema,
    done: Accumulator[int],
    make_row: Callable[[str, bytes], dict[str, Any]],
) -> Iterator[pa.RecordBatch]:
    """Yields a row of `schema` for each image, in batches of up to `_BATCH_BYTES`.

    Args:
        images: as a reader yields them.
        schema: begins with `FIELDS`.
        done: counts finished images.
        make_row: (path, bytes) -> the other columns of the row. Its exception becomes the row's
            error, except for `TransientError`: the image did not cause that, so the task fails.
    """
    columns = _Columns(schema)
    for image in images:
        error, values = image.error, _NOTHING
        if error is None:
            try:
                values = make_row(image.path, image.data)
            except TransientError:
                raise
            except Exception as raised:  # one bad image must not fail the others of its task
                error = _describe(raised)
        columns.add(image, error, values)
        done.add(1)
        if columns.is_full:
            yield columns.take()
    if columns.rows:
        yield columns.take()


class _Columns:
    """Collects the values of rows, column by column.

    rows: their number. is_full: whether they make a batch.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._others = schema.names[len(FIELDS) :]
        self._clear()

    def _clear(self) -> None:
        self.rows = self._bytes = 0
        self._images: list[tuple[str, int, int | None, str | None]] = []
        self._values: list[list[Any]] = [[] for _ in self._others]

    @property
    def is_full(self) -> bool:
        return self.rows >= _BATCH_ROWS or self._bytes >= _BATCH_BYTES

    def add(self, image: ReadImage, error: str | None, values: Mapping[str, Any]) -> None:
        """Adds a row; `values` has those of the columns after `FIELDS`."""
        self.rows += 1
        self._images.append((image.path, image.size, image.modified, error))
        for name, column in zip(self._others, self._values, strict=True):
            value = values.get(name)
            column.append(value)
            if isinstance(value, bytes):
                self._bytes += len(value)
            elif isinstance(value, np.ndarray):
                self._bytes += value.nbytes

    def take(self) -> pa.RecordBatch:
        """Returns the rows, and starts again without any."""
        columns = [*zip(*self._images, strict=True), *self._values]
        arrays = [
            pa.array(column, field.type)
            for column, field in zip(columns, self._schema, strict=True)
        ]
        self._clear()
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)


def _describe(error: Exception) -> str:
    """Returns the text of our own errors, which is complete; of others, the class and the text."""
    return str(error) if isinstance(error, PermanentError) else f"{type(error).__name__}: {error}"
