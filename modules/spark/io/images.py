"""The images under a prefix, as Spark's `binaryFile` source lists and reads them; see `Images`."""

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

# Names that begin with _ or ., which Spark hides, are pictures too: cameras write _DSC0001.JPG.
# Earlier versions know no option for it.
_SHOWS_ALL = (4, 3)
_MOST_RUNS = 500  # that one query tells apart


class Images:
    """The images under a prefix or folder, listed once.

    paths: all of them, as Spark names them, sorted by their addresses.
    """

    def __init__(self, spark: SparkSession, place: str, apart: Sequence[str | None] = ()) -> None:
        """Lists `place`, but nothing under the prefixes `apart`, where a job's own pictures go.

        Raises:
            JobError: there is nothing, or no image.
        """
        from pyspark.errors import AnalysisException

        self._spark = spark
        self._root = qualified(spark, place)
        reader = spark.read.format("binaryFile").options(
            recursiveFileLookup=True,
            ignoredPathSegmentRegex="",
            pathGlobFilter=_glob(SUFFIXES),
            # who fails to be read costs no neighbour; `rounds` finds out who it was
            ignoreCorruptFiles=True,
            ignoreMissingFiles=True,
        )
        try:
            self._files = reader.load(place)
        except AnalysisException as error:
            raise JobError(f"{place}: there is nothing to be read: {error}") from error
        own = tuple(qualified(spark, prefix) + "/" for prefix in apart if prefix)
        listed = sorted(self._list())
        self._places = {path: (rank, address) for rank, (address, path) in enumerate(listed)}
        self.paths = [path for _, path in listed if not path.startswith(own)]
        if not self.paths:
            raise JobError(f"{place}: no images ({', '.join(SUFFIXES)}) there")

    @cached_property
    def root(self) -> str:
        """The folder that all are under, with a slash at its end: names are told from there on."""
        folder = self._root
        if not all(path.startswith(f"{folder}/") for path in self.paths):  # a file, or a pattern
            folder = posixpath.commonpath([posixpath.dirname(path) for path in self.paths])
            scheme, _, rest = folder.partition(":/")  # commonpath makes one slash of two
            authority = f"{scheme}://"
            folder = authority + rest if self.paths[0].startswith(authority) else folder
        return f"{folder}/"

    def contents(self, paths: Sequence[str], *, most_bytes: int) -> DataFrame:
        """`(path, size, modified, content)` of some, those of more than `most_bytes` left out.

        Spark prunes its listing by the paths: nothing is listed again, or read besides.
        """
        conditions = [_condition(run) for run in self._runs(paths)]
        chosen = self._files.where(f"({' OR '.join(conditions)}) AND length <= {most_bytes}")
        return chosen.selectExpr(
            "path", "length as size", "modificationTime as modified", "content"
        )

    def take(self, paths: Sequence[str], most: int) -> Sequence[str]:
        """Of some, in order, as many of the first as one query can tell from all others."""
        before, runs = -2, 0  # before the first of all is none
        for count, path in enumerate(paths[:most]):
            rank, _ = self._places[path]
            runs += rank != before + 1
            if runs > _MOST_RUNS:
                return paths[:count]
            before = rank
        return paths[:most]

    def _runs(self, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Of some, in order, the first and the last address of each run without a gap."""
        places = [self._places[path] for path in paths]
        for _, group in itertools.groupby(enumerate(places), lambda item: item[1][0] - item[0]):
            run = [address for _, (_, address) in group]
            yield run[0], run[-1]

    def _list(self) -> Iterator[tuple[str, str]]:
        """Addresses and paths, of what the source has listed already.

        In one call, for a million names go over a socket.
        """
        mapper = self._spark._jvm.com.fasterxml.jackson.databind.ObjectMapper()  # type: ignore[union-attr]
        addresses = json.loads(mapper.writeValueAsString(self._files._jdf.inputFiles()))
        for address in addresses:
            # `_metadata.file_path` has no empty authority, and is escaped; `path` is not
            address = address.replace("file:///", "file:/", 1)
            yield address, unquote(address)


def qualified(spark: SparkSession, place: str) -> str:
    """A place's full name, without a slash at its end: `file:/home/...`, `s3a://bucket/...`."""
    path = spark._jvm.org.apache.hadoop.fs.Path(place)  # type: ignore[union-attr]
    system = path.getFileSystem(spark._jsc.hadoopConfiguration())
    return str(system.makeQualified(path).toString()).rstrip("/")


def hides_names(spark: SparkSession) -> bool:
    """Whether this Spark passes over names that begin with _ or a dot, come what may."""
    return tuple(map(int, spark.version.split(".")[:2])) < _SHOWS_ALL


def label(path: str) -> str:
    """What an image shows, by the name of its folder."""
    return posixpath.basename(posixpath.dirname(path))


def _condition(run: tuple[str, str]) -> str:
    """Holds for the images of a run; Spark compares strings by bytes, and so by code points."""
    first, last = map(_literal, run)
    return f"_metadata.file_path BETWEEN {first} AND {last}"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _glob(suffixes: Sequence[str]) -> str:
    """A pattern of names with these endings, in capitals or not."""
    either = ("".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in s) for s in suffixes)
    return "*{" + ",".join(either) + "}"
