"""Lists files without Spark, for workers that open them; see `LocalFiles` and `BucketFiles`.

Spark's own way, `SparkFiles`, holds a kilobyte of Java's memory for each file, and passes every
byte of an image through Java to Python.
"""

from __future__ import annotations

import os
import re
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import JobError
from ...object_detection.images.selection import has_picture_suffix, is_picture
from ...storage.listing import list_objects
from ..session.bucket_access import BucketAccess
from .buckets import open_client
from .heads import local_head
from .readers import BucketReader, DiskReader, Reader, pack_files

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LOCAL = "file:"
_PATTERN = re.compile(r"[{}\[\]*?\\]")  # as Spark tells patterns from names


class _DirectFiles:
    """What both sources share: Spark keeps no file list of theirs, so there is none to narrow."""

    def narrow(self, pictures: Collection[str]) -> None:
        """See `Source`."""

    def take(self, paths: Sequence[str], count: int) -> Sequence[str]:
        """See `Source`."""
        return paths[:count]


class LocalFiles(_DirectFiles):
    """A `Source` of the files of this machine, or of folders that all machines mount."""

    def __init__(self, spark: SparkSession, location: str) -> None:
        """Lists the files at a folder or pattern, or the one file.

        Raises:
            JobError: there is nothing at `location`, or a folder cannot be listed.
        """
        self._spark = spark
        self.paths: list[str] = []
        self.unreadable: list[str] = []
        for path, is_folder in _expand(spark, location):
            name = path.removeprefix(LOCAL).encode()
            for found in _walk(name) if is_folder else [name]:
                try:
                    self.paths.append(LOCAL + found.decode())
                except UnicodeDecodeError:  # the table's text columns cannot hold it
                    if has_picture_suffix(os.fsdecode(found)) or is_picture(local_head(found)):
                        self.unreadable.append(LOCAL + found.decode(errors="backslashreplace"))
        self.paths.sort()
        self.unreadable.sort()

    def read(
        self, paths: Sequence[str], task_sizes: Sequence[int], *, max_bytes: int
    ) -> tuple[DataFrame, Reader]:
        """See `Source`."""
        files = [path.removeprefix(LOCAL) for path in paths]
        return _tasks(self._spark, files, task_sizes), DiskReader(LOCAL, max_bytes)


class BucketFiles(_DirectFiles):
    """A `Source` of the objects of a bucket."""

    def __init__(self, spark: SparkSession, location: str, access: BucketAccess) -> None:
        """Lists the objects at a prefix or pattern, or the one object.

        Raises:
            JobError: there is nothing at `location`.
            StorageError: S3 fails, or does not accept `access`.
        """
        self._spark = spark
        self._access = access
        self._scheme = location.partition(":")[0]
        self.unreadable: list[str] = []
        self._root = f"{self._scheme}://{access.bucket}/"
        paths, sizes = [], array("Q")
        for path, is_folder in _expand(spark, location):
            key = path.removeprefix(self._root.rstrip("/")).removeprefix("/")
            prefix = f"{key}/" if is_folder and key else key
            for name, size in list_objects(open_client(access), access.bucket, prefix):
                # an object whose key ends with a slash stands for a folder
                if not name.endswith("/") and (is_folder or name == key):
                    paths.append(self._root + name)
                    sizes.append(size)
        order = sorted(range(len(paths)), key=paths.__getitem__)
        self.paths = [paths[index] for index in order]
        self._sizes = array("Q", (sizes[index] for index in order))

    def read(
        self, paths: Sequence[str], task_sizes: Sequence[int], *, max_bytes: int
    ) -> tuple[DataFrame, Reader]:
        """See `Source`."""
        files = [
            (path.removeprefix(self._root), self._sizes[bisect_left(self.paths, path)])
            for path in paths
        ]
        reader = BucketReader(self._access, self._scheme, max_bytes)
        return _tasks(self._spark, files, task_sizes), reader


def _expand(spark: SparkSession, location: str) -> Iterator[tuple[str, bool]]:
    """Yields the full names that a pattern stands for, or the one name, and which are folders.

    Raises:
        JobError: there is nothing.
    """
    from py4j.protocol import Py4JJavaError

    configuration = spark._jsparkSession.sessionState().newHadoopConf()
    path_class = spark._jvm.org.apache.hadoop.fs.Path  # type: ignore[union-attr]
    path = path_class(location)
    if not path.toUri().getPath():  # a bucket
        path = path_class(f"{location}/")
    try:
        system = path.getFileSystem(configuration)
        found = (
            system.globStatus(path) if _PATTERN.search(location) else [system.getFileStatus(path)]
        )
    except Py4JJavaError as error:
        reason = error.java_exception.toString()
        raise JobError(f"{location}: there is nothing to be read: {reason}") from error
    if not found:
        raise JobError(f"{location}: there is nothing to be read")
    for status in found:
        yield str(status.getPath().toString()), bool(status.isDirectory())


def _walk(folder: bytes) -> Iterator[bytes]:
    """Yields the paths of all files in a folder, to any depth.

    Follows links, unless one leads back to a folder that it is in.

    Args:
        folder: an absolute path.

    Raises:
        JobError: a folder cannot be listed.
    """
    # Each with its own real path, and then those of the folders whose links led to it
    folders: list[tuple[bytes, tuple[bytes, ...]]]
    folders = [(folder, (os.path.realpath(folder),))]
    while folders:
        folder, real = folders.pop()
        for entry in _scan(folder):
            if not entry.is_dir():
                if not entry.is_symlink() or os.path.exists(entry.path):  # noqa: PTH110 - bytes
                    yield entry.path
                continue
            own = os.path.realpath(entry.path) if entry.is_symlink() else _join(real[0], entry.name)
            if not entry.is_symlink():
                folders.append((entry.path, (own, *real[1:])))
            elif not any(_join(other).startswith(_join(own)) for other in real):
                folders.append((entry.path, (own, *real)))


def _scan(folder: bytes) -> Iterator[os.DirEntry[bytes]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except FileNotFoundError:  # deleted meanwhile
        return
    except OSError as error:
        raise JobError(f"{os.fsdecode(folder)} cannot be listed: {error.strerror}") from error


def _join(folder: bytes, name: bytes = b"") -> bytes:
    return folder.rstrip(b"/") + b"/" + name


def _tasks(spark: SparkSession, files: Sequence[Any], task_sizes: Sequence[int]) -> DataFrame:
    """Returns a table with one partition per task, each with one row: its files, packed."""
    import pandas

    packed, start = [], 0
    for size in task_sizes:
        packed.append(pack_files(files[start : start + size]))
        start += size
    # Without it, Spark would spread the rows over as many partitions as there are cores
    spark.conf.set("spark.sql.leafNodeDefaultParallelism", str(len(packed)))
    return spark.createDataFrame(pandas.DataFrame({"files": packed}), "files binary")
