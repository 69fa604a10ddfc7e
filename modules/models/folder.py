"""Where a model's files lie: `LocalFolder` or `S3Folder`, the same to whoever reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from ..errors import (
    FolderChangedError,
    ModelError,
    ObjectChangedError,
    ObjectGoneError,
    StorageError,
)
from ..storage.errors import storage_errors
from ..storage.object_stream import ObjectStream
from ..storage.pending_stream import PendingStream

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MAX_FILES = 100  # of a model's folder; a handful are read


class ByteStream(Protocol):
    """A file being read."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes more."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """As `WeightsStream`."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: Any, error: Any, traceback: Any, /) -> None: ...


class ModelFolder(Protocol):
    """Where a model's files lie."""

    @property
    def name(self) -> str:
        """The folder's own name: the model's."""

    @property
    def location(self) -> str:
        """The folder as a person would write it."""

    def files(self) -> dict[str, str]:
        """The files' names, each with a mark that changes when the file does."""

    def open(self, name: str) -> ByteStream:
        """A stream of one file."""


class LocalFolder:
    """A model folder on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.resolve().name
        self.location = str(path)

    def files(self) -> dict[str, str]:
        """See `ModelFolder`."""
        if not self._path.is_dir():
            raise ModelError(f"{self.location}: there is no such folder")
        stats = {path.name: path.stat() for path in self._path.iterdir() if path.is_file()}
        return {name: f"{stat.st_size}-{stat.st_mtime_ns}" for name, stat in stats.items()}

    def open(self, name: str) -> ByteStream:
        """See `ModelFolder`."""
        return (self._path / name).open("rb", buffering=0)


class S3Folder:
    """A model folder in a bucket."""

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/"
        self.name = self._prefix.rstrip("/").rpartition("/")[2]
        self.location = f"s3://{bucket}/{self._prefix}"
        self._listed: dict[str, tuple[str, int]] = {}
        self._openings: dict[str, PendingStream] = {}

    def files(self) -> dict[str, str]:
        """See `ModelFolder`; one request."""
        with storage_errors(f"listing the model {self.location}"):
            answer = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=self._prefix, Delimiter="/", MaxKeys=_MAX_FILES
            )
        if answer.get("IsTruncated"):
            raise ModelError(
                f"{self.location} has over {_MAX_FILES} files; is it one model's folder?"
            )
        self._listed = {
            item["Key"].removeprefix(self._prefix): (item["ETag"], item["Size"])
            for item in answer.get("Contents", ())
            if item["Key"] != self._prefix  # what consoles make when asked for an empty folder
        }
        return {name: etag for name, (etag, _) in self._listed.items()}

    def open(self, name: str) -> ByteStream:
        """See `ModelFolder`; only the very file that `files` saw, so that two models never mix."""
        opening = self._openings.pop(name, None)
        return opening.take() if opening else self._open(name)

    @contextmanager
    def prefetching(self, names: Collection[str], executor: Executor) -> Iterator[None]:
        """Has these files, of those that `files` saw, on their way before they are asked for.

        Those that nobody has asked for in the end are closed.
        """
        with ExitStack() as stack:
            for name in names:
                opening = PendingStream(executor, partial(self._open, name))
                self._openings[name] = stack.enter_context(opening)
            try:
                yield
            finally:
                self._openings.clear()

    def _open(self, name: str) -> ObjectStream:
        etag, size = self._listed[name]
        key = self._prefix + name
        stream = _ListedObject(self._client, Bucket=self._bucket, Key=key, IfMatch=etag)
        if stream.size != size:  # or a file that came short would be refused as a broken model
            raise StorageError(
                f"{self.location}{name} has {size:,} bytes; S3 announced {stream.size:,}"
            )
        return stream


class _ListedObject(ObjectStream):
    """An object that a listing named; that it is another by now is an error of the folder's."""

    def _ask(self, **more: Any) -> Any:
        try:
            return super()._ask(**more)
        except (ObjectChangedError, ObjectGoneError) as error:
            raise FolderChangedError(str(error)) from error
