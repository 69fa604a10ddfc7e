"""Recognises pictures by their first bytes, from the driver; see `files_with_pictures`, `heads`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ...object_detection.images.selection import HEAD_BYTES, is_picture

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOCAL = "file:"
_REQUESTS = 32  # at the same time


def files_with_pictures(spark: SparkSession, paths: Sequence[str]) -> set[str]:
    """Returns those of `paths` that are pictures, by the first bytes of their contents.

    A file that cannot be read counts as none: its name is not a picture's either.

    Args:
        spark: the session.
        paths: with Spark's names, of files in one file system.
    """
    return {path for path, data in heads(spark, paths) if is_picture(data)}


def heads(spark: SparkSession, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yields each path with the first bytes of its file; empty for one that cannot be read.

    Args:
        spark: the session.
        paths: with Spark's names, of files in one file system.
    """
    if not paths:
        return
    if paths[0].startswith(_LOCAL):
        yield from ((path, local_head(path.removeprefix(_LOCAL).encode())) for path in paths)
        return
    path_class = spark._jvm.org.apache.hadoop.fs.Path  # type: ignore[union-attr]
    system = path_class(paths[0]).getFileSystem(spark._jsc.hadoopConfiguration())

    def head(path: str) -> bytes:
        from py4j.protocol import Py4JError

        try:
            stream = system.open(path_class(path))
        except Py4JError:
            return b""
        try:
            return bytes(stream.readNBytes(HEAD_BYTES))
        except Py4JError:
            return b""
        finally:
            stream.close()

    with ThreadPoolExecutor(_REQUESTS) as pool:
        yield from zip(paths, pool.map(head, paths), strict=True)


def local_head(path: bytes) -> bytes:
    """Returns the first bytes of a file of this machine; empty if it cannot be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a pipe could wait for ever
    except OSError:
        return b""
    try:
        return os.read(handle, HEAD_BYTES)
    except OSError:  # a folder, or a pipe without a writer
        return b""
    finally:
        os.close(handle)
