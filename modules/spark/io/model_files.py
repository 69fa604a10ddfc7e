"""Reads a model's files on the driver, to be sent to the workers; start at `read_model_files`."""

from __future__ import annotations

import hashlib
import io
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import JobError
from ...models.folder import MAX_FILES, ByteStream
from ...models.manifest import MANIFEST, format_manifest
from .images import qualify

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_MAX_BYTES = 1 << 31


@dataclass(frozen=True)
class MemoryFolder:
    """A `ModelFolder` in memory, which Spark broadcasts.

    contents: name -> bytes of each file.
    """

    name: str
    location: str
    contents: Mapping[str, bytes]

    def files(self) -> dict[str, str]:
        """See `ModelFolder`."""
        return {name: hashlib.sha256(data).hexdigest() for name, data in self.contents.items()}

    def holds(self, name: str) -> bool:
        """See `ModelFolder`; links are not read into memory."""
        return name in self.contents

    def with_manifest(self) -> MemoryFolder:
        """Returns the folder with a manifest added.

        Call it after the driver has loaded the model: the manifest spares each worker the trial
        run.
        """
        contents = {MANIFEST: format_manifest(self.files()), **self.contents}
        return replace(self, contents=contents)

    def open(self, name: str) -> ByteStream:
        """See `ModelFolder`."""
        return io.BytesIO(self.contents[name])


def read_model_files(spark: SparkSession, location: str) -> MemoryFolder:
    """Reads a model folder, or a single model file, from any of Spark's file systems.

    A path that exists on this machine is read here, even where Spark resolves paths on a cluster.

    Raises:
        JobError: there is no file, or there are too many files or bytes for a model.
    """
    local = Path(location)
    files = _read_local(local) if local.exists() else _read_remote(spark, location)
    if not files:
        raise JobError(f"{location}: there is no model")
    return MemoryFolder(posixpath.basename(location.rstrip("/")), location, files)


def _read_local(path: Path) -> dict[str, bytes]:
    paths = [path] if path.is_file() else [file for file in path.iterdir() if file.is_file()]
    _check_size(str(path), [file.stat().st_size for file in paths])
    return {file.name: file.read_bytes() for file in paths}


def _read_remote(spark: SparkSession, location: str) -> dict[str, bytes]:
    from pyspark.errors import AnalysisException

    try:
        files = spark.read.format("binaryFile").option("ignoredPathSegmentRegex", "").load(location)
    except AnalysisException as error:
        raise JobError(
            f"{location}: neither a path of this machine nor one that Spark can read: {error}"
        ) from error
    sizes = [row["length"] for row in files.select("length").collect()]
    _check_size(qualify(spark, location), sizes)
    rows = files.select("path", "content").collect()
    return {posixpath.basename(row["path"]): bytes(row["content"]) for row in rows}


def _check_size(location: str, sizes: list[int]) -> None:
    if len(sizes) > MAX_FILES or sum(sizes) >= _MAX_BYTES:
        raise JobError(
            f"{location} has {len(sizes):,} files and {sum(sizes):,} bytes; a model has at most "
            f"{MAX_FILES} files, and less than {_MAX_BYTES:,} bytes"
        )
