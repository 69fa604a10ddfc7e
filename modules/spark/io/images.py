"""Finds the images under a prefix, and prepares their reading; see `Images`.

Workers open local files and S3's objects themselves (`direct_files`), which is faster. Everything
else comes through Spark (`spark_files`).
"""

from __future__ import annotations

import contextlib
import posixpath
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ...errors import ImageError, JobError, StorageError
from ...object_detection.images.registry import ANNOTATED_SUFFIXES, find_format
from ...object_detection.images.selection import (
    describe_formats,
    describe_left_out,
    has_picture_suffix,
    kind_of,
)
from ...results.keys import annotated_name
from ..session.bucket_access import UnknownAccessError, find_access
from ..session.s3a import SCHEMES
from .direct_files import LOCAL, BucketFiles, LocalFiles
from .heads import files_with_pictures, heads
from .locations import qualify
from .readers import Reader
from .source import Source
from .spark_files import SparkFiles

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Images may have names that begin with _ or a dot, which Spark hides: cameras write _DSC0001.JPG.
# Only from this version on has Spark an option to read them.
_READS_HIDDEN_NAMES = (4, 3)
_HEADS = 1000  # images whose first bytes are read before the next ones


class Images:
    """The images under a prefix or folder.

    A file counts as an image by its suffix or its first bytes.

    paths: all images, with Spark's names, in a fixed order.
    left_out: the number of the other files, by kind.
    unreadable: images of this machine whose names are no UTF-8, as text cannot hold them.
    remarks: lines for the user about how the images are read.
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
        self._source, self.remarks = _open_source(spark, location, self._root)
        listed = [path for path in self._source.paths if not path.startswith(prefixes)]
        others = [path for path in listed if not has_picture_suffix(path)]
        pictures = files_with_pictures(spark, others)
        self.left_out = Counter(kind_of(path) for path in others if path not in pictures)
        self._source.narrow(pictures)
        self.paths = [
            path
            for path in self._source.paths
            if not path.startswith(prefixes) and (has_picture_suffix(path) or path in pictures)
        ]
        unreadable = self._source.unreadable
        self.unreadable = [path for path in unreadable if not path.startswith(prefixes)]
        if isinstance(self._source, SparkFiles) and skips_hidden_names(spark):
            self.remarks.append(f"Spark {spark.version} skips names that begin with _ or a dot")
        if not self.paths and not self.unreadable:
            message = f"{location}: no images ({describe_formats()}) there"
            raise JobError("; ".join(filter(None, [message, describe_left_out(self.left_out)])))

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
                there = set(_open_source(self._spark, location, folder)[0].paths)
        inputs = set(self.paths)
        wanted = Counter(
            self._target(folder, path, suffix)
            for path in self.paths
            for suffix in ANNOTATED_SUFFIXES
        )
        clashes = {
            name for name, count in wanted.items() if count > 1 or name in inputs or name in there
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
                if target in inputs:
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

    @property
    def skips_empty_and_oversized(self) -> bool:
        """Whether such images have no row after they were read."""
        return isinstance(self._source, SparkFiles)

    def take(self, paths: Sequence[str], count: int) -> Sequence[str]:
        """See `Source.take`."""
        return self._source.take(paths, count)

    def read(
        self, paths: Sequence[str], task_sizes: Sequence[int], *, max_bytes: int
    ) -> tuple[DataFrame, Reader]:
        """See `Source.read`."""
        return self._source.read(paths, task_sizes, max_bytes=max_bytes)


def _open_source(spark: SparkSession, location: str, root: str) -> tuple[Source, list[str]]:
    """Returns the best source for a location, and remarks for the user.

    Args:
        spark: the session.
        location: a folder, prefix or pattern.
        root: its full name, as `qualify` returns it.

    Raises:
        JobError: there is nothing.
    """
    if root.startswith(LOCAL):
        return LocalFiles(spark, location), []
    if root.partition(":")[0] in SCHEMES:
        try:
            return BucketFiles(spark, location, find_access(spark, root)), []
        except (UnknownAccessError, StorageError) as error:
            remark = f"images are read through Spark, which is slower for small ones: {error}"
            return SparkFiles(spark, location), [remark]
    return SparkFiles(spark, location), []


def skips_hidden_names(spark: SparkSession) -> bool:
    """Returns whether this version of Spark always skips names that begin with _ or a dot."""
    return tuple(map(int, spark.version.split(".")[:2])) < _READS_HIDDEN_NAMES


def _annotated_suffix(head: bytes) -> str:
    try:
        return find_format(head).annotated_suffix
    except ImageError:
        return ""  # it becomes a row with an error
