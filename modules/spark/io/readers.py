"""Opens images on a worker: what a task gets -> images with their bytes; see `Reader`.

`DiskReader` and `BucketReader` open files and objects themselves, from the names that `pack_files`
puts into a task. `SparkReader` takes what Spark has read. None holds more than `_AHEAD_BYTES` of
images that wait to be processed, or one image.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import stat
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from ...errors import ObjectChangedError, ObjectGoneError, StorageError
from ...results.document import too_many_bytes
from ...storage.bucket import StoredImage
from ..session.bucket_access import BucketAccess
from .buckets import open_bucket

EMPTY = "the file is empty"

_AHEAD_FILES = 8  # opened before they are read, so that a disk reads while the worker computes
REQUESTS = 8  # of a worker, at the same time
AHEAD_OBJECTS = 32  # requested or read, and not yet processed
_AHEAD_BYTES = 32 << 20
_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # opening a pipe must not wait for its writer


@dataclass(frozen=True, slots=True)
class ReadImage:
    """An image as a worker has read it.

    path: its name in Spark. size: in bytes. modified: microseconds since 1970. data: its bytes;
    empty if there is an error. error: why it cannot be processed.
    """

    path: str
    size: int
    modified: int | None
    data: bytes
    error: str | None = None


# Takes the batches of a task. Passes over images that cannot be read: `Rounds` finds out which.
Reader = Callable[[Iterator[pa.RecordBatch]], Iterator[ReadImage]]


def pack_files(files: Sequence[Any]) -> bytes:
    """Packs the files of a task: JSON values, as small as can be.

    The names of a million files take 10 MB instead of 100.
    """
    return zlib.compress(json.dumps(files, ensure_ascii=False).encode(), 1)


def unpack(packed: bytes) -> list[Any]:
    """Returns what `pack_files` has packed."""
    files: list[Any] = json.loads(zlib.decompress(packed))
    return files


def _files(batches: Iterator[pa.RecordBatch]) -> Iterator[Any]:
    for batch in batches:
        for packed in batch.column(0).to_pylist():
            yield from unpack(packed)


@dataclass(frozen=True)
class DiskReader:
    """Reads files of the worker's machine. The tasks hold absolute paths.

    scheme: comes before a path in the image's name. max_bytes: of the largest image.
    """

    scheme: str
    max_bytes: int

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[ReadImage]:
        """Yields the images in the order of the task; see `Reader`."""
        opened: deque[tuple[str, int]] = deque()
        try:
            for path in _files(batches):
                handle = _open_ahead(path)
                if handle is not None:
                    opened.append((path, handle))
                if len(opened) > _AHEAD_FILES:
                    yield from self._read(*opened.popleft())
            while opened:
                yield from self._read(*opened.popleft())
        finally:
            for _, handle in opened:
                os.close(handle)

    def _read(self, path: str, handle: int) -> Iterator[ReadImage]:
        """Yields the image, unless reading it fails; closes the file."""
        try:
            status = os.fstat(handle)
            size = status.st_size if stat.S_ISREG(status.st_mode) else 0
            data = _read_all(handle, size) if size <= self.max_bytes else None
        except OSError:
            return
        finally:
            os.close(handle)
        yield _image(self.scheme + path, size, status.st_mtime_ns // 1000, data, self.max_bytes)


def _open_ahead(path: str) -> int | None:
    """Opens a file, and makes the system read its beginning; None if it cannot be opened."""
    try:
        # as UTF-8, because the locale of a platform's workers may have another encoding
        handle = os.open(path.encode(), _OPEN)
    except OSError:
        return None
    with contextlib.suppress(OSError, AttributeError):  # a pipe; not on macOS
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_WILLNEED)
    return handle


def _read_all(handle: int, size: int) -> bytes:
    """Reads `size` bytes; fewer if the file has become shorter."""
    data = os.read(handle, size)
    while 0 < len(data) < size:
        more = os.read(handle, size - len(data))
        if not more:
            break
        data += more
    return data


def _image(path: str, size: int, modified: int, data: bytes | None, max_bytes: int) -> ReadImage:
    if data is None:
        return ReadImage(path, size, modified, b"", too_many_bytes(size, max_bytes))
    return ReadImage(path, len(data), modified, data, None if data else EMPTY)


@dataclass(frozen=True)
class BucketReader:
    """Reads objects of one bucket, several at a time. The tasks hold keys with listed sizes.

    access: to the bucket. scheme: of the images' names. max_bytes: of the largest image.
    """

    access: BucketAccess
    scheme: str
    max_bytes: int

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[ReadImage]:
        """Yields the images in the order of the task; see `Reader`."""
        waiting: deque[tuple[str, int, Future[StoredImage]]] = deque()
        ahead = 0
        with ThreadPoolExecutor(REQUESTS) as pool:
            try:
                for key, listed in _files(batches):
                    size = listed if listed <= self.max_bytes else 0  # no body is read
                    while waiting and (
                        ahead + size > _AHEAD_BYTES or len(waiting) >= AHEAD_OBJECTS
                    ):
                        ahead -= waiting[0][1]
                        yield from self._take(*waiting.popleft())
                    waiting.append((key, size, pool.submit(self._read, key, size)))
                    ahead += size
                while waiting:
                    yield from self._take(*waiting.popleft())
            finally:
                pool.shutdown(cancel_futures=True)

    def _read(self, key: str, max_bytes: int) -> StoredImage:
        return open_bucket(self.access).read(self.access.bucket, key, max_bytes=max_bytes)

    def _take(self, key: str, listed: int, future: Future[StoredImage]) -> Iterator[ReadImage]:
        """Yields the image, unless reading it fails.

        An object that has grown since the listing is read here: nothing else is read meanwhile.
        """
        try:
            try:
                stored = future.result()
            except ObjectChangedError:  # while it was read
                stored = self._read(key, self.max_bytes)
            if stored.data is None and listed < stored.size <= self.max_bytes:
                stored = self._read(key, self.max_bytes)
        except (StorageError, ObjectGoneError):
            return
        modified = round(datetime.fromisoformat(stored.version.modified).timestamp() * 1e6)
        name = f"{self.scheme}://{self.access.bucket}/{key}"
        yield _image(name, stored.size, modified, stored.data, self.max_bytes)


@dataclass(frozen=True)
class SparkReader:
    """Takes the columns path, size, modified and content, as Spark has read them."""

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[ReadImage]:
        """Yields the images in Spark's order; see `Reader`."""
        for batch in read_ahead(batches):
            modified = batch.column(2).cast(pa.int64()).to_pylist()
            sizes = batch.column(1).to_pylist()
            for index, path in enumerate(batch.column(0).to_pylist()):
                data = batch.column(3)[index].as_py()
                yield ReadImage(path, sizes[index], modified[index], data)


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
