"""Single files beside Spark's tables, wherever Spark's own file systems reach; see `Files`."""

from __future__ import annotations

import posixpath
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..session.s3a import SCHEMES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class Files:
    """Hadoop's file systems: every scheme, with the credentials, that the tables use."""

    def __init__(self, spark: SparkSession) -> None:
        self._jvm: Any = spark._jvm
        self._configuration = spark._jsc.hadoopConfiguration()

    def size(self, place: str) -> int | None:
        """How many bytes a file has; None where there is none."""
        path = self._path(place)
        system = self._system(path)
        return int(system.getFileStatus(path).getLen()) if system.exists(path) else None

    def read(self, place: str) -> bytes | None:
        """A file's bytes; None where there is none."""
        path = self._path(place)
        system = self._system(path)
        if not system.exists(path):
            return None
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "copy")
            system.copyToLocalFile(False, path, self._path(copy.as_uri()), True)
            return copy.read_bytes()

    def delete(self, place: str) -> None:
        """Deletes a file or a folder with all that is in it, if it is there."""
        path = self._path(place)
        self._system(path).delete(path, True)

    def write(self, place: str, data: bytes) -> None:
        """Writes a file, whole or not at all, over one that may be there."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "copy")
            copy.write_bytes(data)
            self.upload(copy, place)

    def upload(self, source: Path, place: str) -> None:
        """Copies a file of this machine to its place likewise."""
        path = self._path(place)
        if path.toUri().getScheme() in SCHEMES:  # an object appears whole, when it is closed
            self._copy(source, path)
            return
        part = self._beside(place)
        self._copy(source, part)
        self._move(part, path)

    def write_text(self, rows: DataFrame, place: str, **options: Any) -> None:
        """Writes rows as one file of CSV, or of lines where they are one text, through one task."""
        part = self._beside(place)
        writer = rows.coalesce(1).write.mode("overwrite")
        if options:
            writer.options(**options).csv(part.toString())
        else:
            writer.text(part.toString())
        system = self._system(part)
        (written,) = system.globStatus(self._path(f"{part.toString()}/part-*"))
        self._move(written.getPath(), self._path(place))
        system.delete(part, True)

    def _copy(self, source: Path, target: Any) -> None:
        """Byte by byte, as S3A's own upload of local files wants more of a server than others."""
        local = self._path(source.as_uri())
        self._jvm.org.apache.hadoop.fs.FileUtil.copy(
            *(self._system(local), local, self._system(target), target),
            *(False, True, self._configuration),
        )

    def _move(self, source: Any, target: Any) -> None:
        """Renames over what may be there, in one step where the file system can."""
        system = self._system(target)
        system.mkdirs(target.getParent())
        context = self._jvm.org.apache.hadoop.fs.FileContext.getFileContext(
            system.getUri(), self._configuration
        )
        overwrite = self._jvm.org.apache.hadoop.fs.Options.Rename.OVERWRITE
        options = self._jvm.java.lang.reflect.Array.newInstance(overwrite.getClass(), 1)
        options[0] = overwrite
        context.rename(source, target, options)

    def _beside(self, place: str) -> Any:
        """A hidden name in the same folder, for what is not whole yet."""
        folder, name = posixpath.split(place.rstrip("/"))
        return self._path(posixpath.join(folder, f"_{name}.part"))

    def _path(self, place: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(place)

    def _system(self, path: Any) -> Any:
        return path.getFileSystem(self._configuration)
