import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from modules.spark.io.files import Files
from tests.spark.conftest import Store


@pytest.mark.parametrize("kind", ["local", "s3a"])
def test_a_file_is_written_over_an_existing_one(
    kind: str, spark: SparkSession, tmp_path: Path, store: Store
) -> None:
    location = f"{tmp_path if kind == 'local' else store.location}/a b/x.json"
    files = Files(spark)

    assert files.read(location) is None
    assert files.size(location) is None
    for document in ({"first": 1}, {"second": "é"}):
        files.write(location, json.dumps(document).encode())

    assert json.loads(files.read(location) or b"") == {"second": "é"}
    assert files.size(location) == len(files.read(location) or b"")


@pytest.mark.parametrize("kind", ["local", "s3a"])
def test_a_table_becomes_one_file_of_text(
    kind: str, spark: SparkSession, tmp_path: Path, store: Store
) -> None:
    location = f"{tmp_path if kind == 'local' else store.location}/out/ids.csv"
    files = Files(spark)

    for count in (100, 3):
        files.write_text(spark.range(count, numPartitions=4), location, header=True)

    assert files.read(location) == b"id\n0\n1\n2\n"
    if kind == "local":
        assert [path.name for path in (tmp_path / "out").glob("[!.]*")] == ["ids.csv"]
    else:
        assert store.keys("out/") == ["out/ids.csv"]
