"""A model folder's files on their way from the driver to the workers; start at `gather`."""

from __future__ import annotations

import hashlib
import io
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import JobError
from ...models.folder import ByteStream
from ...models.manifest import MANIFEST, format_manifest
from .images import qualified

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_MOST_FILES = 100
_MOST_BYTES = 1 << 31


@dataclass(frozen=True)
class MemoryFolder:
    """A `ModelFolder` whose files are in memory, by name; Spark broadcasts it."""

    name: str
    location: str
    contents: Mapping[str, bytes]

    def files(self) -> dict[str, str]:
        """See `ModelFolder`."""
        return {name: hashlib.sha256(data).hexdigest() for name, data in self.contents.items()}

    def with_manifest(self) -> MemoryFolder:
        """The same with a seal, once it has been loaded: nobody needs to try it out again."""
        contents = {MANIFEST: format_manifest(self.files()), **self.contents}
        return replace(self, contents=contents)

    def open(self, name: str) -> ByteStream:
        """See `ModelFolder`."""
        return io.BytesIO(self.contents[name])


def gather(spark: SparkSession, place: str) -> MemoryFolder:
    """Reads a model folder, or a single file of a model, from wherever Spark reads.

    A folder of this machine is read from it even where Spark's own paths are a cluster's.

    Raises:
        JobError: there is nothing, or far too much.
    """
    local = Path(place)
    files = _local(local) if local.exists() else _remote(spark, place)
    if not files:
        raise JobError(f"{place}: there is no model")
    return MemoryFolder(posixpath.basename(place.rstrip("/")), place, files)


def _local(path: Path) -> dict[str, bytes]:
    paths = [path] if path.is_file() else [file for file in path.iterdir() if file.is_file()]
    _check(str(path), [file.stat().st_size for file in paths])
    return {file.name: file.read_bytes() for file in paths}


def _remote(spark: SparkSession, place: str) -> dict[str, bytes]:
    from pyspark.errors import AnalysisException

    try:
        files = spark.read.format("binaryFile").option("ignoredPathSegmentRegex", "").load(place)
    except AnalysisException as error:
        raise JobError(f"{place}: neither a folder of this machine nor a place: {error}") from error
    sizes = [row["length"] for row in files.select("length").collect()]
    _check(qualified(spark, place), sizes)
    rows = files.select("path", "content").collect()
    return {posixpath.basename(row["path"]): bytes(row["content"]) for row in rows}


def _check(place: str, sizes: list[int]) -> None:
    if len(sizes) > _MOST_FILES or sum(sizes) >= _MOST_BYTES:
        raise JobError(
            f"{place} has {len(sizes):,} files and {sum(sizes):,} bytes; a model has up to "
            f"{_MOST_FILES} and {_MOST_BYTES:,}"
        )
