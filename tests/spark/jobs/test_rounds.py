import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from rich.console import Console

from modules.spark.io.files import Files
from modules.spark.io.images import Images
from modules.spark.io.tables import read_table
from modules.spark.jobs.rounds import Pace, Rounds
from modules.spark.workers.thumbnails import SCHEMA, ShrinkImages
from tests.spark.conftest import Store, rows


def test_tasks_hold_many_images_and_every_core_has_several() -> None:
    pace = Pace(cores=4)
    pace.learn(images=4_000, seconds=10)  # 100 a second and core

    assert pace.round(pending=1_000_000) == 24_000  # a minute's
    assert pace.task(24_000) == 750
    assert pace.task(100) == 7  # sixteen tasks


def test_a_small_rest_is_taken_along() -> None:
    pace = Pace(cores=1)
    pace.learn(images=100, seconds=10)

    assert pace.round(pending=899) == 899
    assert pace.round(pending=901) == 600


def test_the_first_round_is_short() -> None:
    assert Pace(cores=2).round(pending=10_000) == 300


def test_slow_images_make_small_rounds_and_no_empty_ones() -> None:
    pace = Pace(cores=2)
    pace.learn(images=1, seconds=600)

    assert pace.round(pending=1_000) == 12
    assert pace.task(12) == 1


def test_there_is_no_table_before_the_first_row(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "_job.json").write_text("{}")

    assert read_table(spark, str(tmp_path / "gone")) is None
    assert read_table(spark, str(tmp_path / "begun")) is None


@pytest.mark.parametrize("kind", ["local", "s3a"])
def test_single_files_are_written_over_those_that_are_there(
    kind: str, spark: SparkSession, tmp_path: Path, store: Store
) -> None:
    place = f"{tmp_path if kind == 'local' else store.place}/a b/x.json"
    files = Files(spark)

    assert files.read(place) is None
    assert files.size(place) is None
    for document in ({"first": 1}, {"second": "é"}):
        files.write(place, json.dumps(document).encode())

    assert json.loads(files.read(place) or b"") == {"second": "é"}
    assert files.size(place) == len(files.read(place) or b"")


@pytest.mark.parametrize("kind", ["local", "s3a"])
def test_a_table_becomes_one_file_of_text(
    kind: str, spark: SparkSession, tmp_path: Path, store: Store
) -> None:
    place = f"{tmp_path if kind == 'local' else store.place}/out/ids.csv"
    files = Files(spark)

    for count in (100, 3):
        files.write_text(spark.range(count, numPartitions=4), place, header=True)

    assert files.read(place) == b"id\n0\n1\n2\n"
    if kind == "local":
        assert [path.name for path in (tmp_path / "out").glob("[!.]*")] == ["ids.csv"]
    else:
        assert store.keys("out/") == ["out/ids.csv"]


def test_a_job_that_fails_for_good_says_why_in_a_line(
    batch: Callable[..., int], photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "_job.json").write_text(json.dumps({"job": "thumbnails", "size": [20, 20]}))
    (out / "part-0.parquet").write_text("no Parquet")

    code = batch("thumbnails", photos, "--output", out)

    told = capsys.readouterr().err.strip()
    assert code == 1
    assert "part-0.parquet" in told
    assert "\n" not in told


def test_a_table_of_somebody_else_is_left_alone(
    batch: Callable[..., int],
    spark: SparkSession,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spark.range(3).write.parquet(str(tmp_path / "theirs"))

    assert batch("thumbnails", photos, "--output", tmp_path / "theirs") == 2
    assert "has a Parquet table that no job has written" in capsys.readouterr().err
    assert spark.read.parquet(str(tmp_path / "theirs")).count() == 3


def test_an_image_that_is_gone_when_it_is_read_is_named_and_costs_no_neighbour(
    spark: SparkSession, photos: Path, tmp_path: Path
) -> None:
    images = Images(spark, str(photos))
    gone = photos / "even" / "04.png"
    gone.unlink()
    rounds = Rounds(
        spark,
        images,
        str(tmp_path / "out"),
        made_with={},
        max_bytes=1_000_000,
        console=Console(file=io.StringIO()),
    )

    outcome = rounds.run("shrinking", lambda done: ShrinkImages((2, 2), 10_000, done), SCHEMA)

    assert outcome.unread == [f"file:{gone}"]
    assert len(rows(spark, tmp_path / "out")) == 11
