"""Reads the tables that jobs write; see `read_table`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def read_table(spark: SparkSession, location: str) -> DataFrame | None:
    """Returns the Parquet table at a location; None if no row has been written yet."""
    from pyspark.errors import AnalysisException

    # Undoes what `Rounds` sets for reading images: tables are packed into tasks by Spark's defaults
    spark.conf.unset("spark.sql.files.openCostInBytes")
    spark.conf.unset("spark.sql.files.maxPartitionBytes")
    try:
        return spark.read.parquet(location)
    except AnalysisException as error:
        if str(error).startswith(("[PATH_NOT_FOUND]", "[UNABLE_TO_INFER_SCHEMA]")):
            return None
        raise
