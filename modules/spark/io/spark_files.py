"""Lists and reads files with Spark's `binaryFile`, in every file system; see `SparkFiles`."""

from __future__ import annotations

import itertools
import json
import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ...errors import JobError
from ...object_detection.images.registry import list_suffixes
from ...object_detection.images.selection import has_picture_suffix
from .readers import Reader, SparkReader

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_MAX_RUNS = 500  # of consecutive images that one query can select
# Spark packs files into tasks by their bytes plus this cost. It is so large that all files count
# the same.
_COST = 1 << 30


class SparkFiles:
    """A `Source` that lists and reads through Java.

    Spark passes over empty files, those that are too large, and those that cannot be read.
    """

    def __init__(self, spark: SparkSession, location: str) -> None:
        """Lists the files at a folder, prefix or pattern.

        Raises:
            JobError: there is nothing at `location`.
        """
        self._spark = spark
        self._location = location
        self.unreadable: list[str] = []
        self._list("")

    def _list(self, name_filter: str) -> None:
        self._files = self._load(name_filter)
        ranked = sorted(self._urls())
        # path -> (rank, URL): a rank counts all listed files, in the order of their URLs
        self._ranked = {path: (rank, url) for rank, (url, path) in enumerate(ranked)}
        self.paths = list(self._ranked)

    def _load(self, name_filter: str) -> DataFrame:
        """Lists the files whose names match a pattern; all, if it is empty."""
        from pyspark.errors import AnalysisException

        reader = self._spark.read.format("binaryFile").options(
            recursiveFileLookup=True,
            ignoredPathSegmentRegex="",
            # Unreadable files are skipped here; `Rounds` reports them
            ignoreCorruptFiles=True,
            ignoreMissingFiles=True,
        )
        if name_filter:
            reader = reader.option("pathGlobFilter", name_filter)
        try:
            return reader.load(self._location)
        except AnalysisException as error:
            raise JobError(f"{self._location}: there is nothing to be read: {error}") from error

    def _urls(self) -> Iterator[tuple[str, str]]:
        """Yields (URL, path) of all files that were listed.

        The JVM sends them in one call, as one JSON text: there may be a million names.
        """
        mapper = self._spark._jvm.com.fasterxml.jackson.databind.ObjectMapper()  # type: ignore[union-attr]
        urls = json.loads(mapper.writeValueAsString(self._files._jdf.inputFiles()))
        for url in urls:
            # `_metadata.file_path` has no empty authority, and is escaped; `path` is not
            url = url.replace("file:///", "file:/", 1)
            yield url, unquote(url)

    def narrow(self, pictures: Collection[str]) -> None:
        """See `Source`. Lists again: then images are consecutive, and few queries select many."""
        if any(not has_picture_suffix(path) and path not in pictures for path in self.paths):
            self._list(_glob([*list_suffixes(), *map(_suffix, sorted(pictures))]))

    def take(self, paths: Sequence[str], count: int) -> Sequence[str]:
        """See `Source`."""
        before, runs = -2, 0  # no rank is next to -2
        for index, path in enumerate(paths[:count]):
            rank, _ = self._ranked[path]
            runs += rank != before + 1
            if runs > _MAX_RUNS:
                return paths[:index]
            before = rank
        return paths[:count]

    def read(
        self, paths: Sequence[str], task_sizes: Sequence[int], *, max_bytes: int
    ) -> tuple[DataFrame, Reader]:
        """See `Source`. Tasks are as large as the first of `task_sizes`, all of them.

        Spark prunes its listing by the paths: it lists nothing again, and reads no other image.
        """
        self._spark.conf.set("spark.sql.files.openCostInBytes", str(_COST))
        packed = task_sizes[0] * (_COST + max_bytes)
        self._spark.conf.set("spark.sql.files.maxPartitionBytes", str(packed))
        conditions = [_condition(run) for run in self._runs(paths)]
        chosen = self._files.where(f"({' OR '.join(conditions)}) AND length <= {max_bytes}")
        contents = chosen.selectExpr(
            "path", "length as size", "modificationTime as modified", "content"
        )
        return contents, SparkReader()

    def _runs(self, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yields the first and last URL of each run of consecutive images; `paths` are in order."""
        ranked = [self._ranked[path] for path in paths]
        for _, group in itertools.groupby(enumerate(ranked), lambda item: item[1][0] - item[0]):
            run = [url for _, (_, url) in group]
            yield run[0], run[-1]


def _condition(run: tuple[str, str]) -> str:
    """Returns an SQL condition for the images of a run.

    Spark compares strings by their UTF-8 bytes, which gives the same order as Python's comparison
    by code points.
    """
    first, last = map(_literal, run)
    return f"_metadata.file_path BETWEEN {first} AND {last}"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _suffix(path: str) -> str:
    """Returns the suffix of a name; empty if it has none, or one that no pattern can hold."""
    suffix = posixpath.splitext(path)[1].lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]+", suffix) else ""


def _glob(suffixes: Sequence[str]) -> str:
    """Returns a pattern for names with these suffixes, in upper or lower case.

    An empty suffix stands for names that cannot be told by a suffix: the pattern is empty then.
    """
    if "" in suffixes:
        return ""
    unique = dict.fromkeys(suffixes)
    either = ("".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in s) for s in unique)
    return "*{" + ",".join(either) + "}"
