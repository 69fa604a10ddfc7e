"""Spark's classes, kept: `make batch` does it for real, and all jobs of these tests take them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modules.errors import JobError
from modules.spark.session.class_archive import archive_path, create_archive, spark_jars
from modules.spark.session.java import java_home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "java" / "lib").mkdir(parents=True)
    (tmp_path / "java" / "lib" / "modules").write_bytes(b"classes")
    return tmp_path / "java"


@pytest.fixture
def jars(tmp_path: Path) -> Path:
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "spark-core.jar").write_bytes(b"classes")
    return tmp_path / "jars"


def test_a_session_takes_the_classes_that_fit_it(spark: SparkSession) -> None:
    kept = archive_path(java_home(), spark_jars())

    beans = spark._jvm.java.lang.management.ManagementFactory.getRuntimeMXBean()  # type: ignore[union-attr]
    taken = f"-XX:SharedArchiveFile={kept}" in list(beans.getInputArguments())

    assert taken == kept.exists()


def test_another_jar_wants_other_classes(home: Path, jars: Path) -> None:
    before = archive_path(home, jars)
    assert archive_path(home, jars) == before

    (jars / "spark-core.jar").write_bytes(b"newer classes")

    assert archive_path(home, jars) != before


def test_another_java_wants_other_classes(home: Path, jars: Path) -> None:
    before = archive_path(home, jars)

    (home / "lib" / "modules").write_bytes(b"newer classes")

    assert archive_path(home, jars) != before


def test_a_java_that_stands_for_another_has_a_name_too(jars: Path, tmp_path: Path) -> None:
    assert not archive_path(tmp_path / "usr", jars).exists()


def test_a_job_that_fails_leaves_nothing_half_kept(
    home: Path, jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where there is no such job

    with pytest.raises(JobError, match=r"could not be archived: .*modules"):
        create_archive(home, jars)

    assert list((tmp_path / ".cache" / "spark").iterdir()) == []
