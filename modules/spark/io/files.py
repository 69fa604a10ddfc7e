"""Reads and writes single files in all of Spark's file systems, from the driver; see `Files`."""

from __future__ import annotations

import posixpath
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..session.s3a import SCHEMES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class Files:
    """Hadoop's file systems: the same schemes and credentials that the tables use."""

    def __init__(self, spark: SparkSession) -> None:
        self._jvm: Any = spark._jvm
        self._configuration = spark._jsc.hadoopConfiguration()

    def size(self, location: str) -> int | None:
        """Returns a file's size in bytes; None if there is no file."""
        path = self._path(location)
        system = self._system(path)
        return int(system.getFileStatus(path).getLen()) if system.exists(path) else None

    def read(self, location: str) -> bytes | None:
        """Returns a file's bytes; None if there is no file."""
        path = self._path(location)
        system = self._system(path)
        if not system.exists(path):
            return None
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "copy")
            system.copyToLocalFile(False, path, self._path(copy.as_uri()), True)
            return copy.read_bytes()

    def delete(self, location: str) -> None:
        """Deletes a file, or a folder with everything in it, if it exists."""
        path = self._path(location)
        self._system(path).delete(path, True)

    def write(self, location: str, data: bytes) -> None:
        """Writes a file, completely or not at all; overwrites an existing one."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "copy")
            copy.write_bytes(data)
            self.upload(copy, location)

    def upload(self, source: Path, location: str) -> None:
        """Copies a file of this machine, completely or not at all; overwrites an existing one."""
        path = self._path(location)
        if path.toUri().getScheme() in SCHEMES:  # an S3 object appears only when it is complete
            self._copy(source, path)
            return
        part = self._temporary_path(location)
        self._copy(source, part)
        self._move(part, path)

    def write_text(self, rows: DataFrame, location: str, **options: Any) -> None:
        """Writes rows as one text file, through one task; overwrites an existing one.

        Args:
            rows: for a file of lines, one text column.
            location: of the file.
            options: of Spark's CSV writer; without any, the file is no CSV but lines.
        """
        part = self._temporary_path(location)
        writer = rows.coalesce(1).write.mode("overwrite")
        if options:
            writer.options(**options).csv(part.toString())
        else:
            writer.text(part.toString())
        system = self._system(part)
        (written,) = system.globStatus(self._path(f"{part.toString()}/part-*"))
        self._move(written.getPath(), self._path(location))
        system.delete(part, True)

    def _copy(self, source: Path, target: Any) -> None:
        """Copies through this process: S3A's own upload of local files fails on some servers."""
        local = self._path(source.as_uri())
        self._jvm.org.apache.hadoop.fs.FileUtil.copy(
            *(self._system(local), local, self._system(target), target),
            *(False, True, self._configuration),
        )

    def _move(self, source: Any, target: Any) -> None:
        """Renames a file over an existing one, in one step where the file system can."""
        system = self._system(target)
        system.mkdirs(target.getParent())
        context = self._jvm.org.apache.hadoop.fs.FileContext.getFileContext(
            system.getUri(), self._configuration
        )
        overwrite = self._jvm.org.apache.hadoop.fs.Options.Rename.OVERWRITE
        options = self._jvm.java.lang.reflect.Array.newInstance(overwrite.getClass(), 1)
        options[0] = overwrite
        context.rename(source, target, options)
        if system.getUri().getScheme() == "file":  # the checksum of a replaced file, if it had one
            name = f".{target.getName()}.crc"
            system.delete(self._path(posixpath.join(target.getParent().toString(), name)), False)

    def _temporary_path(self, location: str) -> Any:
        """Returns a hidden name in the same folder, for an incomplete file."""
        folder, name = posixpath.split(location.rstrip("/"))
        return self._path(posixpath.join(folder, f"_{name}.part"))

    def _path(self, location: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(location)

    def _system(self, path: Any) -> Any:
        return path.getFileSystem(self._configuration)
