from pathlib import Path

import cv2
import numpy as np
import pytest
from pyspark.sql import SparkSession

from tests.spark.conftest import Batch, rows


def test_images_are_shrunk_by_nearest_neighbour(
    batch: Batch, spark: SparkSession, tmp_path: Path
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    (tmp_path / "apple").mkdir()
    cv2.imwrite(str(tmp_path / "apple" / "1.png"), image)

    code = batch("thumbnails", tmp_path / "apple", "--size", "20x10", "--output", tmp_path / "out")

    (row,) = rows(spark, tmp_path / "out")
    pixels = np.frombuffer(row["pixels"], np.uint8).reshape(10, 20, 3)
    assert code == 0
    assert (row["label"], row["width"], row["height"]) == ("apple", 20, 10)
    assert np.array_equal(pixels, image[::10, ::5, ::-1])


def test_reduce_reads_a_table_of_pixels_like_one_of_features(
    batch: Batch, photos: Path, tmp_path: Path
) -> None:
    batch("thumbnails", photos, "--output", tmp_path / "pixels")

    code = batch("reduce", tmp_path / "pixels", "--pca", 3, "--output", tmp_path / "out")

    assert code == 0
    assert (
        (tmp_path / "out" / "scores.csv").read_text().startswith("path,label,pca_1,pca_2,pca_3\n")
    )


@pytest.mark.parametrize("size", ["0", "20x", "axb", "-3", "20x20x3"])
def test_a_text_that_is_no_size_is_wrong_usage(
    size: str, batch: Batch, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        batch("thumbnails", photos, f"--size={size}", "--output", tmp_path / "out")

    assert f"'{size}' is not a size in pixels like 640 or 640x480" in capsys.readouterr().err
