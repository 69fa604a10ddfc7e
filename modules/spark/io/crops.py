"""The crops of `batch detect --crops`: checked on the driver, written by workers.

The table alone records which images are done. So a prefix for crops is empty at first, and a job
that is resumed deletes the crops of all images that have no row: they may be of an image that was
replaced meanwhile.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from ...errors import JobError
from ...results.crops import MEDIA_TYPE, cut_objects
from ...results.crops.names import flat_name, image_of
from .files import Files
from .output_folder import OutputFolder
from .tables import read_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from .images import Images

_PART = re.compile(r"\.[0-9a-f]{32}\.part")  # left behind by a worker that was killed


def check_empty(spark: SparkSession, location: str) -> None:
    """Checks that a new job's crops replace no files and stand beside none.

    location: as `locations.qualify` returns it.

    Raises:
        JobError: there are files.
    """
    system, path = _open(spark, location)
    if not system.exists(path):
        return
    found = system.listFiles(path, True)
    if found.hasNext():
        raise JobError(
            f"{location}: there are files already, such as {found.next().getPath().getName()}; "
            "choose an empty place for --crops, or delete them"
        )


def delete_unfinished(spark: SparkSession, location: str, output: str, images: Images) -> None:
    """Deletes the crops of the images that a stopped job has not done.

    Args:
        spark: the session.
        location: of the crops, as `locations.qualify` returns it.
        output: the location of the job's table.
        images: all images.
    """
    table = read_table(spark, output)
    done = set() if table is None else {row[0] for row in table.select("path").collect()}
    root = images.root
    pending = {flat_name(path.removeprefix(root)) for path in images.paths if path not in done}
    files = Files(spark)
    for path in _list(spark, location) if pending else ():
        name = posixpath.basename(path)
        if image_of(name) in pending or _PART.fullmatch(name):
            files.delete(path)


def write_crops(
    folder: OutputFolder,
    pixels: NDArray[np.uint8],
    detections: Sequence[Mapping[str, Any]],
    *,
    name: str,
    key: str,
) -> None:
    """Writes a JPEG for each object of an image, on a worker; see `cut_objects`.

    Raises:
        ImageError: an object is too large for a JPEG; nothing is written.
        StorageError: S3 failed.
        OSError: another file system failed.
    """
    for crop in cut_objects(pixels, detections, name=name, key=key):
        folder.write(crop.path, crop.encode(), MEDIA_TYPE)


def _list(spark: SparkSession, location: str) -> list[str]:
    """Returns the paths of all files under a location."""
    system, path = _open(spark, location)
    if not system.exists(path):
        return []
    reader = spark.read.format("binaryFile")
    files = reader.options(recursiveFileLookup=True, ignoredPathSegmentRegex="").load(location)
    # The JVM sends all names in one call, as there may be a million
    mapper = spark._jvm.com.fasterxml.jackson.databind.ObjectMapper()  # type: ignore[union-attr]
    return [unquote(url) for url in json.loads(mapper.writeValueAsString(files._jdf.inputFiles()))]


def _open(spark: SparkSession, location: str) -> tuple[Any, Any]:
    """Returns Hadoop's file system of a location, and its path there."""
    jvm: Any = spark._jvm
    path = jvm.org.apache.hadoop.fs.Path(location)
    return path.getFileSystem(spark._jsc.hadoopConfiguration()), path
