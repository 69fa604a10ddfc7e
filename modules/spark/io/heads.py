"""Recognises pictures by their first bytes, from the driver; see `files_with_pictures`, `heads`.

`pictures_that_java_cannot_read` finds the pictures of this machine that Spark's listing lacks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from ...object_detection.images.selection import HEAD_BYTES, has_picture_suffix, is_picture

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
        yield from ((path, _head(_local_path(path))) for path in paths)
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


def pictures_that_java_cannot_read(location: str) -> list[str]:
    r"""Returns the pictures in a folder of this machine whose paths are no UTF-8.

    Java passes over them without an error. Their bytes that are no UTF-8 are written as `\xe9`.

    Args:
        location: as `images.qualify` returns it. Nothing is found in other file systems, and in
            patterns.
    """
    if not location.startswith(_LOCAL):
        return []
    found = []
    for folder, _, names in os.walk(_local_path(location)):
        for name in names:
            path = Path(folder, name)
            shown = os.fsencode(path).decode("utf-8", "backslashreplace")
            if shown != str(path) and (has_picture_suffix(name) or is_picture(_head(path))):
                found.append(f"{_LOCAL}{shown}")
    return sorted(found)


def _local_path(path: str) -> Path:
    return Path("/" + path.removeprefix(_LOCAL).lstrip("/"))


def _head(file: Path) -> bytes:
    try:
        if not file.is_file():  # opening a pipe could wait for ever
            return b""
        with file.open("rb", buffering=0) as opened:
            return opened.read(HEAD_BYTES)
    except OSError:
        return b""
