"""Reads a model's files on the driver, to be sent to the workers; start at `read_model_files`."""

from __future__ import annotations

import contextlib
import hashlib
import io
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import JobError, ModelError
from ...models.folder import MAX_FILES, ByteStream
from ...models.manifest import MANIFEST, format_manifest
from .locations import qualify

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_MAX_BYTES = 1 << 31


@dataclass(frozen=True)
class MemoryFolder:
    """A `ModelFolder` in memory, which Spark broadcasts.

    contents: name -> bytes of each file. outside: names of links to files elsewhere, whose bytes
    were not read.
    """

    name: str
    location: str
    contents: Mapping[str, bytes]
    outside: frozenset[str] = frozenset()

    def files(self) -> dict[str, str]:
        """See `ModelFolder`."""
        return {name: hashlib.sha256(data).hexdigest() for name, data in self.contents.items()}

    def holds(self, name: str) -> bool:
        """See `ModelFolder`."""
        return name in self.contents and name not in self.outside

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

    With a single ONNX file come the files beside it that it says its weights are in. A path that
    exists on this machine is read here, even where Spark resolves paths on a cluster.

    Raises:
        JobError: there is no file, or there are too many files or bytes for a model.
    """
    local = Path(location)
    if local.exists():
        return _read_local(local, location)
    files = _read_remote(spark, location)
    if not files:
        raise JobError(f"{location}: there is no model")
    parent, _, name = location.rstrip("/").rpartition("/")
    if set(files) == {name}:
        for other in _weight_files(files):
            with contextlib.suppress(JobError):  # loading the model names the missing file
                files |= _read_remote(spark, f"{parent}/{other}")
    _check_size(location, list(map(len, files.values())))
    return MemoryFolder(name, location, files)


def _read_local(path: Path, location: str) -> MemoryFolder:
    folder = path.parent if path.is_file() else path
    listed = {path} if path.is_file() else {file for file in path.iterdir() if file.is_file()}
    if not listed:
        raise JobError(f"{location}: there is no model")
    _check_size(location, [file.stat().st_size for file in listed])
    networks = {file.name: file.read_bytes() for file in listed if file.suffix == ".onnx"}
    weights = {folder / name for name in _weight_files(networks)}
    listed |= {file for file in weights if file.is_file()}
    _check_size(location, [file.stat().st_size for file in listed])
    outside = {file for file in weights & listed if file.resolve().parent != folder.resolve()}
    contents = {
        file.name: b"" if file in outside else networks.get(file.name) or file.read_bytes()
        for file in listed
    }
    return MemoryFolder(
        posixpath.basename(location.rstrip("/")),
        location,
        contents,
        frozenset(file.name for file in outside),
    )


def _weight_files(files: Mapping[str, bytes]) -> set[str]:
    """Returns the names of the files that the ONNX files among `files` have their weights in.

    Ignores files that are malformed: loading the model says why they are.
    """
    import numpy as np

    from ...object_detection.onnx.external_data import external_files

    found: set[str] = set()
    for name, data in files.items():
        if name.endswith(".onnx"):
            with contextlib.suppress(ModelError):
                found.update(external_files(np.frombuffer(data, np.uint8)))
    return found


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
