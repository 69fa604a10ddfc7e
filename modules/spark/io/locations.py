"""Names of files in Spark's file systems; see `qualify`."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def qualify(spark: SparkSession, location: str) -> str:
    """Returns the full name, without a slash at its end: `file:/home/...`, `s3a://bucket/...`."""
    path = spark._jvm.org.apache.hadoop.fs.Path(location)  # type: ignore[union-attr]
    system = path.getFileSystem(spark._jsc.hadoopConfiguration())
    return str(system.makeQualified(path).toString()).rstrip("/")


def label_of(path: str) -> str:
    """Returns an image's label: the name of its folder."""
    return posixpath.basename(posixpath.dirname(path))
