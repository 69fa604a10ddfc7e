"""Lists and reads the images under a prefix with Spark's `binaryFile` source; see `Images`."""

from __future__ import annotations

import contextlib
import itertools
import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ...errors import ImageError, JobError
from ...object_detection.images.registry import ANNOTATED_SUFFIXES, find_format, list_suffixes
from ...object_detection.images.selection import (
    describe_formats,
    describe_left_out,
    has_picture_suffix,
    kind_of,
)
from ...results.keys import annotated_name
from .heads import files_with_pictures, heads, pictures_that_java_cannot_read

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Images may have names that begin with _ or a dot, which Spark hides: cameras write _DSC0001.JPG.
# Only from this version on has Spark an option to read them.
_READS_HIDDEN_NAMES = (4, 3)
_MAX_RUNS = 500  # of consecutive images that one query can select
_HEADS = 1000  # images whose first bytes are read before the next ones


class Images:
    """The images under a prefix or folder.

    A file counts as an image by its suffix or its first bytes.

    paths: all images, with Spark's names, sorted by their URLs.
    left_out: the number of the other files, by kind.
    unreadable: images of this machine that Java cannot read, as their names are no UTF-8.
    """

    def __init__(
        self, spark: SparkSession, location: str, excluded: Sequence[str | None] = ()
    ) -> None:
        """Lists the images at `location`.

        Args:
            spark: the session.
            location: a folder, prefix or pattern.
            excluded: prefixes that the job writes to. Nothing under them is listed, unless
                `location` itself is under one.

        Raises:
            JobError: there is nothing at `location`, or no image.
        """
        self._spark = spark
        self._root = qualify(spark, location)
        written = (qualify(spark, prefix) + "/" for prefix in excluded if prefix)
        prefixes = tuple(prefix for prefix in written if not f"{self._root}/".startswith(prefix))
        self._files = self._load(location, "")
        listed = [item for item in self._list(self._files) if not item[1].startswith(prefixes)]
        others = [path for _, path in listed if not has_picture_suffix(path)]
        pictures = files_with_pictures(spark, others)
        self.left_out = Counter(kind_of(path) for path in others if path not in pictures)
        if self.left_out:
            # Without the other files, images are consecutive, and few queries select many of them
            self._files = self._load(
                location, _glob([*list_suffixes(), *map(_suffix, sorted(pictures))])
            )
        ranked = sorted(self._list(self._files))
        # path -> (rank, URL): a rank counts all listed files, in the order of their URLs
        self._ranked = {path: (rank, url) for rank, (url, path) in enumerate(ranked)}
        self.paths = [
            path
            for _, path in ranked
            if not path.startswith(prefixes) and (has_picture_suffix(path) or path in pictures)
        ]
        unreadable = pictures_that_java_cannot_read(self._root)
        self.unreadable = [path for path in unreadable if not path.startswith(prefixes)]
        if not self.paths and not self.unreadable:
            message = f"{location}: no images ({describe_formats()}) there"
            raise JobError("; ".join(filter(None, [message, describe_left_out(self.left_out)])))

    def _load(self, location: str, name_filter: str) -> DataFrame:
        """Lists the files at a location whose names match a pattern; all, if it is empty.

        Raises:
            JobError: there is nothing.
        """
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
            return reader.load(location)
        except AnalysisException as error:
            raise JobError(f"{location}: there is nothing to be read: {error}") from error

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

    def check_targets(self, location: str, *, is_new: bool) -> None:
        """Checks that annotated images can be written under `location`, with the images' names.

        An image's first bytes tell the name of its annotated image. They are read only where one
        of the possible names is taken.

        Args:
            location: a folder or prefix.
            is_new: whether files that are there already cannot be this job's own.

        Raises:
            JobError: an image would be written over an input, over a file that is there, or over
                the annotated image of another input.
        """
        folder = qualify(self._spark, location)
        there: set[str] = set()
        if is_new:
            with contextlib.suppress(JobError):  # there is nothing yet
                there = {path for _, path in self._list(self._load(location, ""))}
        wanted = Counter(
            self._target(folder, path, suffix)
            for path in self.paths
            for suffix in ANNOTATED_SUFFIXES
        )
        clashes = {
            name
            for name, count in wanted.items()
            if count > 1 or name in self._ranked or name in there
        }
        doubtful = [
            path
            for path in self.paths
            if any(self._target(folder, path, suffix) in clashes for suffix in ANNOTATED_SUFFIXES)
        ]
        owners: dict[str, str] = {}
        for start in range(0, len(doubtful), _HEADS):
            for path, head in heads(self._spark, doubtful[start : start + _HEADS]):
                target = self._target(folder, path, _annotated_suffix(head))
                other = owners.setdefault(target, path)
                if target in self._ranked:
                    reason = "inputs are never overwritten: choose another place than"
                    raise JobError(f"{target} exists already; {reason} {location}")
                if target in there:
                    raise JobError(
                        f"{target} exists already; choose another place than {location}, or "
                        "delete it"
                    )
                if other != path:
                    raise JobError(
                        f"the annotated images of {other} and {path} would both be {target}; "
                        "rename one of the two"
                    )

    def _target(self, folder: str, path: str, suffix: str) -> str:
        return f"{folder}/{annotated_name(path.removeprefix(self.root), suffix)}"

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

    def _list(self, files: DataFrame) -> Iterator[tuple[str, str]]:
        """Yields (URL, path) of all files that a source has listed.

        The JVM sends them in one call, as one JSON text: there may be a million names.
        """
        mapper = self._spark._jvm.com.fasterxml.jackson.databind.ObjectMapper()  # type: ignore[union-attr]
        urls = json.loads(mapper.writeValueAsString(files._jdf.inputFiles()))
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


def _annotated_suffix(head: bytes) -> str:
    try:
        return find_format(head).annotated_suffix
    except ImageError:
        return ""  # it becomes a row with an error


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
