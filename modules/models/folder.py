"""Lists and opens the files of a model folder: `LocalFolder`, `S3Folder`."""

from __future__ import annotations

import os
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

    from ..storage.function_client import FunctionClient

# In the checkout, and in the function's package
BUNDLED_PLACE = Path(__file__).parent.parent.parent / "bundled"
MAX_FILES = 100  # in a model folder; only a handful of them are read


class ByteStream(Protocol):
    """A file that is open for reading."""

    def read(self, size: int, /) -> bytes:
        """Reads at most `size` bytes."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fills the beginning of the buffer; returns the number of bytes, 0 at the end."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: Any, error: Any, traceback: Any, /) -> None: ...


class ModelFolder(Protocol):
    """A folder with the files of one model."""

    @property
    def name(self) -> str:
        """The last part of the folder's path, which is the model's name."""

    @property
    def location(self) -> str:
        """The folder's path or s3:// address, for messages."""

    def files(self) -> dict[str, str]:
        """Lists the files: a mark by name. A file that changes gets another mark."""

    def holds(self, name: str) -> bool:
        """Returns whether a file is itself in the folder, not a link to a file elsewhere."""

    def open(self, name: str) -> ByteStream:
        """Opens one file."""


class LocalFolder:
    """A model folder on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Documents hold the name, and are UTF-8
        self.name = os.fsencode(path.resolve().name).decode("utf-8", "backslashreplace")
        self.location = str(path)

    def files(self) -> dict[str, str]:
        """Lists the files: size and modification time by name.

        Raises:
            ModelError: the folder does not exist.
        """
        if not self._path.is_dir():
            raise ModelError(f"{self.location}: there is no such folder")
        stats = {path.name: path.stat() for path in self._path.iterdir() if path.is_file()}
        return {name: f"{stat.st_size}-{stat.st_mtime_ns}" for name, stat in stats.items()}

    def holds(self, name: str) -> bool:
        """See `ModelFolder`."""
        return (self._path / name).resolve().parent == self._path.resolve()

    def open(self, name: str) -> ByteStream:
        """Opens one file."""
        return (self._path / name).open("rb", buffering=0)


def bundled_folder(place: Path = BUNDLED_PLACE) -> LocalFolder:
    """Returns the folder of the model that came with the function's package.

    `python -m modules models bundle` writes it.

    Raises:
        ModelError: the package has none, or several.
    """
    found = [path for path in place.iterdir() if path.is_dir()] if place.is_dir() else []
    if len(found) != 1:
        names = ", ".join(sorted(path.name for path in found)) or "none"
        raise ModelError(
            f"MODEL=bundled needs one model folder in {place}, which has {names}; deploy with "
            "--param model=bundled --param modelFolder=FOLDER"
        )
    return LocalFolder(found[0])


class S3Folder:
    """A model folder in a bucket."""

    def __init__(self, client: S3Client | FunctionClient, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/"
        self.name = self._prefix.rstrip("/").rpartition("/")[2]
        self.location = f"s3://{bucket}/{self._prefix}"
        self._listed: dict[str, tuple[str, int]] = {}
        self._pending: dict[str, PendingStream] = {}

    def files(self) -> dict[str, str]:
        """Lists the files in one request: ETags by name.

        Raises:
            ModelError: there are too many files for one model.
            StorageError: S3 fails.
        """
        with storage_errors(f"listing the model {self.location}"):
            answer = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=self._prefix, Delimiter="/", MaxKeys=MAX_FILES
            )
        if answer.get("IsTruncated"):
            raise ModelError(
                f"{self.location} has over {MAX_FILES} files; is it one model's folder?"
            )
        self._listed = {
            item["Key"].removeprefix(self._prefix): (item["ETag"], item["Size"])
            for item in answer.get("Contents", ())
            if item["Key"] != self._prefix  # consoles create this object for an empty folder
        }
        return {name: etag for name, (etag, _) in self._listed.items()}

    def holds(self, name: str) -> bool:
        """See `ModelFolder`; a bucket has no links."""
        return True

    def open(self, name: str) -> ByteStream:
        """Opens one file, only in the version that `files` listed, so that models never mix.

        Raises:
            FolderChangedError: the file was replaced or deleted after it was listed.
            StorageError: S3 fails.
        """
        pending = self._pending.pop(name, None)
        return pending.take() if pending else self._open(name)

    @contextmanager
    def prefetching(self, names: Collection[str], executor: Executor) -> Iterator[None]:
        """Opens these listed files in `executor`, before `open` is called for them.

        Closes those that were never requested when the context ends.
        """
        with ExitStack() as stack:
            for name in names:
                pending = PendingStream(executor, partial(self._open, name))
                self._pending[name] = stack.enter_context(pending)
            try:
                yield
            finally:
                self._pending.clear()

    def _open(self, name: str) -> ObjectStream:
        etag, size = self._listed[name]
        key = self._prefix + name
        stream = _ListedObject(self._client, Bucket=self._bucket, Key=key, IfMatch=etag)
        if stream.size != size:  # otherwise a truncated file would be refused as a broken model
            raise StorageError(
                f"{self.location}{name} has {size:,} bytes; S3 announced {stream.size:,}"
            )
        return stream


class _ListedObject(ObjectStream):
    """A listed object. Raises FolderChangedError where it was replaced or deleted since then."""

    def _send(self, **changes: Any) -> Any:
        try:
            return super()._send(**changes)
        except (ObjectChangedError, ObjectGoneError) as error:
            raise FolderChangedError(str(error)) from error
