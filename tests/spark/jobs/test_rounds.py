import io
import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from rich.console import Console

from modules.spark.io.images import Images
from modules.spark.jobs.rounds import Pace, Rounds
from modules.spark.workers.thumbnails import SCHEMA, ShrinkImages
from tests.spark.conftest import Batch, rows


def test_a_round_takes_a_minute_and_its_tasks_become_shorter() -> None:
    pace = Pace(cores=4)
    pace.learn(images=4_000, seconds=40)  # 100 per second and core

    assert pace.round(pending=1_000_000) == 24_000  # of one minute
    tasks = pace.tasks(24_000)
    assert sum(tasks) == 24_000
    assert tasks[:10] == [800] * 10  # eight seconds
    assert tasks == sorted(tasks, reverse=True)
    assert tasks[-5:-1] == [100] * 4  # one second
    assert len(tasks) < 60


def test_few_images_are_spread_over_all_cores() -> None:
    assert Pace(cores=4).tasks(10) == [3, 3, 3, 1]
    pace = Pace(cores=4)
    pace.learn(images=100, seconds=100)

    assert pace.tasks(10) == [1] * 10


def test_a_round_includes_a_small_remainder() -> None:
    pace = Pace(cores=1)
    pace.learn(images=100, seconds=10)

    assert pace.round(pending=899) == 899
    assert pace.round(pending=901) == 600


def test_the_first_round_is_short() -> None:
    assert Pace(cores=2).round(pending=10_000) == 300


def test_slow_images_make_small_rounds_with_at_least_one_image_per_task() -> None:
    pace = Pace(cores=2)
    pace.learn(images=1, seconds=1_200)

    assert pace.round(pending=1_000) == 12
    assert pace.tasks(12) == [1] * 12


def test_a_job_that_spark_gives_up_on_prints_one_line_with_the_cause(
    batch: Batch, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "_job.json").write_text(json.dumps({"job": "thumbnails", "size": [20, 20]}))
    (out / "part-0.parquet").write_text("no Parquet")

    code = batch("thumbnails", photos, "--output", out)

    printed = capsys.readouterr().err.strip()
    assert code == 1
    assert "part-0.parquet" in printed
    assert "\n" not in printed


def test_a_table_that_no_job_has_written_is_not_changed(
    batch: Batch,
    spark: SparkSession,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spark.range(3).write.parquet(str(tmp_path / "foreign"))

    assert batch("thumbnails", photos, "--output", tmp_path / "foreign") == 2
    assert "has a Parquet table that no job has written" in capsys.readouterr().err
    assert spark.read.parquet(str(tmp_path / "foreign")).count() == 3


def test_an_image_deleted_after_the_listing_is_reported_and_the_others_are_done(
    spark: SparkSession, photos: Path, tmp_path: Path
) -> None:
    images = Images(spark, str(photos))
    deleted = photos / "even" / "04.png"
    deleted.unlink()
    rounds = Rounds(
        spark,
        images,
        str(tmp_path / "out"),
        made_with={},
        max_bytes=1_000_000,
        console=Console(file=io.StringIO()),
    )

    outcome = rounds.run("shrinking", lambda done: ShrinkImages((2, 2), 10_000, done), SCHEMA)

    assert outcome.unread == [f"file:{deleted}"]
    assert len(rows(spark, tmp_path / "out")) == 11
