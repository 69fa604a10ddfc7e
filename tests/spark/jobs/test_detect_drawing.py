"""`batch detect --annotate --draw`: what is hidden, and which options fit together."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from pyspark.sql import SparkSession

from tests.spark.conftest import Batch, png, rows


def test_annotated_images_hide_what_was_found_and_keep_it_hidden(
    batch: Batch,
    colours: Path,
    spark: SparkSession,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.png").write_bytes(png(red=(2, 5)))
    job = ("detect", photos, "--model", colours, "--output", tmp_path / "out")
    hiding = (*job, "--annotate", tmp_path / "hidden", "--draw")

    assert batch(*hiding, "pixelate") == 0

    assert cv2.imread(str(tmp_path / "hidden" / "a.png"))[40:48, 16:24, 2].max() < 200
    (row,) = rows(spark, tmp_path / "out")
    assert [found["label"] for found in row["detections"]] == ["red"]
    capsys.readouterr()
    assert batch(*hiding, "boxes") == 2
    assert "pixelate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--draw", "blur"], "--draw blur needs --annotate PREFIX"),
        (["--annotate", "new", "--draw", "none"], "--annotate new would write nothing"),
    ],
)
def test_options_that_do_not_fit_each_other_are_refused(
    batch: Batch,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    reason: str,
) -> None:
    job = ("detect", tmp_path, "--model", colours, "--output", tmp_path / "out", *options)

    assert batch(*job) == 2

    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
