"""Reads the tables that jobs write; see `read_table`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def read_table(spark: SparkSession, place: str) -> DataFrame | None:
    """The Parquet table at a place; None where no row has been written yet."""
    from pyspark.errors import AnalysisException

    # its files may be of any time and job, and are packed as Spark does by itself
    spark.conf.unset("spark.sql.files.openCostInBytes")
    spark.conf.unset("spark.sql.files.maxPartitionBytes")
    try:
        return spark.read.parquet(place)
    except AnalysisException as error:
        if str(error).startswith(("[PATH_NOT_FOUND]", "[UNABLE_TO_INFER_SCHEMA]")):
            return None
        raise
