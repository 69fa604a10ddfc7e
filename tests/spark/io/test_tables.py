from pathlib import Path

from pyspark.sql import SparkSession

from modules.spark.io.tables import read_table


def test_there_is_no_table_before_the_first_row(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "_job.json").write_text("{}")

    assert read_table(spark, str(tmp_path / "gone")) is None
    assert read_table(spark, str(tmp_path / "begun")) is None
