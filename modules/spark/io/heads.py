"""Recognises pictures by their first bytes, from the driver; see `files_with_pictures`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
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
    if not paths:
        return set()
    if paths[0].startswith(_LOCAL):
        return {path for path in paths if is_picture(_local_head(path))}
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
        heads = zip(paths, pool.map(head, paths), strict=True)
        return {path for path, data in heads if is_picture(data)}


def _local_head(path: str) -> bytes:
    file = Path("/" + path.removeprefix(_LOCAL).lstrip("/"))
    try:
        if not file.is_file():  # opening a pipe could wait for ever
            return b""
        with file.open("rb", buffering=0) as opened:
            return opened.read(HEAD_BYTES)
    except OSError:
        return b""
