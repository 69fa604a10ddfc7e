"""Lists and reads the images under a prefix with Spark's `binaryFile` source; see `Images`."""

from __future__ import annotations

import itertools
import json
import posixpath
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ...errors import JobError
from ...object_detection.images import SUFFIXES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Images may have names that begin with _ or a dot, which Spark hides: cameras write _DSC0001.JPG.
# Only from this version on has Spark an option to read them.
_READS_HIDDEN_NAMES = (4, 3)
_MAX_RUNS = 500  # of consecutive images that one query can select


class Images:
    """The images under a prefix or folder, listed once.

    paths: all of them, with Spark's names, sorted by their URLs.
    """

    def __init__(
        self, spark: SparkSession, location: str, excluded: Sequence[str | None] = ()
    ) -> None:
        """Lists the images at `location`.

        Args:
            spark: the session.
            location: a folder, prefix or pattern.
            excluded: prefixes that the job writes images to; nothing under them is listed.

        Raises:
            JobError: there is nothing at `location`, or no image.
        """
        from pyspark.errors import AnalysisException

        self._spark = spark
        self._root = qualify(spark, location)
        reader = spark.read.format("binaryFile").options(
            recursiveFileLookup=True,
            ignoredPathSegmentRegex="",
            pathGlobFilter=_glob(SUFFIXES),
            # Unreadable files are skipped here; `Rounds` reports them
            ignoreCorruptFiles=True,
            ignoreMissingFiles=True,
        )
        try:
            self._files = reader.load(location)
        except AnalysisException as error:
            raise JobError(f"{location}: there is nothing to be read: {error}") from error
        prefixes = tuple(qualify(spark, prefix) + "/" for prefix in excluded if prefix)
        listed = sorted(self._list())
        # path -> (rank, URL): a rank counts all listed files, in the order of their URLs
        self._ranked = {path: (rank, url) for rank, (url, path) in enumerate(listed)}
        self.paths = [path for _, path in listed if not path.startswith(prefixes)]
        if not self.paths:
            raise JobError(f"{location}: no images ({', '.join(SUFFIXES)}) there")

    @cached_property
    def root(self) -> str:
        """The folder above all images, with a slash at its end; image names leave it out."""
        folder = self._root
        # if the location is a file or a pattern, the images are not under it
        if not all(path.startswith(f"{folder}/") for path in self.paths):
            folder = posixpath.commonpath([posixpath.dirname(path) for path in self.paths])
            scheme, _, rest = folder.partition(":/")  # commonpath turns two slashes into one
            authority = f"{scheme}://"
            folder = authority + rest if self.paths[0].startswith(authority) else folder
        return f"{folder}/"

    def contents(self, paths: Sequence[str], *, max_bytes: int) -> DataFrame:
        """Returns `(path, size, modified, content)` of images with at most `max_bytes`.

        Spark prunes its listing by the paths: it lists nothing again, and reads no other image.
        """
        conditions = [_condition(run) for run in self._runs(paths)]
        chosen = self._files.where(f"({' OR '.join(conditions)}) AND length <= {max_bytes}")
        return chosen.selectExpr(
            "path", "length as size", "modificationTime as modified", "content"
        )

    def take(self, paths: Sequence[str], count: int) -> Sequence[str]:
        """Returns the first `count` of `paths`, or fewer if one query cannot select so many.

        Args:
            paths: some of the images, in the order of `self.paths`.
            count: at least 1.
        """
        before, runs = -2, 0  # no rank is next to -2
        for index, path in enumerate(paths[:count]):
            rank, _ = self._ranked[path]
            runs += rank != before + 1
            if runs > _MAX_RUNS:
                return paths[:index]
            before = rank
        return paths[:count]

    def _runs(self, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yields the first and last URL of each run of consecutive images; `paths` are in order."""
        ranked = [self._ranked[path] for path in paths]
        for _, group in itertools.groupby(enumerate(ranked), lambda item: item[1][0] - item[0]):
            run = [url for _, (_, url) in group]
            yield run[0], run[-1]

    def _list(self) -> Iterator[tuple[str, str]]:
        """Yields (URL, path) of all files that the source has listed.

        The JVM sends them in one call, as one JSON text: there may be a million names.
        """
        mapper = self._spark._jvm.com.fasterxml.jackson.databind.ObjectMapper()  # type: ignore[union-attr]
        urls = json.loads(mapper.writeValueAsString(self._files._jdf.inputFiles()))
        for url in urls:
            # `_metadata.file_path` has no empty authority, and is escaped; `path` is not
            url = url.replace("file:///", "file:/", 1)
            yield url, unquote(url)


def qualify(spark: SparkSession, location: str) -> str:
    """Returns the full name, without a slash at its end: `file:/home/...`, `s3a://bucket/...`."""
    path = spark._jvm.org.apache.hadoop.fs.Path(location)  # type: ignore[union-attr]
    system = path.getFileSystem(spark._jsc.hadoopConfiguration())
    return str(system.makeQualified(path).toString()).rstrip("/")


def skips_hidden_names(spark: SparkSession) -> bool:
    """Returns whether this version of Spark always skips names that begin with _ or a dot."""
    return tuple(map(int, spark.version.split(".")[:2])) < _READS_HIDDEN_NAMES


def label_of(path: str) -> str:
    """Returns an image's label: the name of its folder."""
    return posixpath.basename(posixpath.dirname(path))


def _condition(run: tuple[str, str]) -> str:
    """Returns an SQL condition for the images of a run.

    Spark compares strings by their UTF-8 bytes, which gives the same order as Python's comparison
    by code points.
    """
    first, last = map(_literal, run)
    return f"_metadata.file_path BETWEEN {first} AND {last}"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _glob(suffixes: Sequence[str]) -> str:
    """Returns a pattern for names with these suffixes, in upper or lower case."""
    either = ("".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in s) for s in suffixes)
    return "*{" + ",".join(either) + "}"
