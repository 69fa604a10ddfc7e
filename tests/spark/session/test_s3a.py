import urllib.parse
from pathlib import Path

import pyspark
import pytest
from pyspark.sql import SparkSession

from modules.errors import JobError
from modules.spark.session.s3a import packages, s3a_options
from tests.spark.conftest import Store

JARS = Path(pyspark.__file__).parent / "jars"


def test_s3a_has_the_version_of_pysparks_hadoop() -> None:
    (client,) = JARS.glob("hadoop-client-api-*.jar")
    version = client.stem.removeprefix("hadoop-client-api-")

    assert packages(JARS)[0] == f"org.apache.hadoop:hadoop-aws:{version}"


@pytest.mark.parametrize(
    ("hadoop", "sdk"), [("3.4.1", "2.24.6"), ("3.5.0", "2.35.4"), ("3.9.0", "2.35.4")]
)
def test_the_sdk_is_the_one_that_hadoop_was_built_with_or_the_newest_known(
    hadoop: str, sdk: str, tmp_path: Path
) -> None:
    (tmp_path / f"hadoop-client-api-{hadoop}.jar").touch()

    assert packages(tmp_path) == [
        f"org.apache.hadoop:hadoop-aws:{hadoop}",
        f"software.amazon.awssdk:s3:{sdk}",
        f"software.amazon.awssdk:s3-transfer-manager:{sdk}",
        f"software.amazon.awssdk:sts:{sdk}",
    ]


def test_a_folder_of_jars_without_hadoop_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=str(tmp_path)):
        packages(tmp_path)


def test_an_s3a_among_sparks_jars_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "hadoop-aws-3.4.1.jar").touch()

    assert s3a_options({}, tmp_path) == {}


def test_endpoint_and_region_come_from_the_variables_of_the_aws_sdks(tmp_path: Path) -> None:
    (tmp_path / "hadoop-aws-3.4.1.jar").touch()
    environment = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000", "AWS_REGION": "eu-west-3"}

    assert s3a_options(environment, tmp_path) == {
        "spark.hadoop.fs.s3a.endpoint": "http://127.0.0.1:9000",
        "spark.hadoop.fs.s3a.endpoint.region": "eu-west-3",
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.expect.continue": "false",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
    }


def test_the_sdks_bundle_of_all_services_is_not_downloaded(spark: SparkSession) -> None:
    jars = [
        Path(urllib.parse.urlparse(jar).path)
        for jar in spark.conf.get("spark.jars").split(",")  # type: ignore[union-attr]
    ]

    assert any(jar.name.startswith("org.apache.hadoop_hadoop-aws-") for jar in jars)
    assert not any("bundle" in jar.name for jar in jars)
    assert sum(jar.stat().st_size for jar in jars) < 25_000_000


@pytest.mark.parametrize("scheme", ["s3a", "s3"])
def test_tables_are_written_and_read_over_s3(
    scheme: str, spark: SparkSession, store: Store
) -> None:
    location = f"{scheme}://{store.name}/a b/table"

    spark.range(10).write.parquet(location)

    assert spark.read.parquet(location).count() == 10
    assert store.keys("a b/table/part-")


def test_images_are_read_with_the_stream_that_frees_its_memory(spark: SparkSession) -> None:
    system = spark._jvm.org.apache.hadoop.fs.Path("s3a://any/")  # type: ignore[union-attr]
    hadoop = spark._jsc.hadoopConfiguration()

    assert system.getFileSystem(hadoop).getConf().get("fs.s3a.input.stream.type") == "classic"
