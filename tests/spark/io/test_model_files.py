"""A model's files, read for Spark: those of a folder, or of a single file with its weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from modules.errors import JobError, ModelError
from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.settings import Settings
from modules.spark.io.model_files import MemoryFolder, read_model_files
from tests.object_detection.onnx import onnx_models
from tests.object_detection.onnx.external import write_external
from tests.spark.conftest import Store

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NO_SPARK = cast("SparkSession", None)  # files of this machine are read without Spark
IMAGE = np.random.default_rng(1).integers(0, 256, (64, 96, 3)).astype(np.uint8)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """`blobs/best.onnx`, with its weights in `blobs/best.onnx.data`."""
    return write_external(onnx_models.yolov8(), tmp_path / "blobs")


def assert_the_same_model(folder: MemoryFolder, file: Path) -> None:
    found = load_model(folder.with_manifest(), Settings(engine="opencv"))
    expected = load_model(LocalFolder(file.parent), Settings(engine="opencv"))

    assert found.digest == expected.digest
    np.testing.assert_array_equal(
        found.detector.detect(IMAGE, confidence=0.3).boxes,
        expected.detector.detect(IMAGE, confidence=0.3).boxes,
    )


@pytest.mark.parametrize("given", ["file", "folder"])
def test_an_onnx_file_comes_with_its_weights(file: Path, given: str) -> None:
    location = file if given == "file" else file.parent
    (file.parent.parent / "outside").write_bytes(b"")
    (file.parent / "other.txt").symlink_to("../outside")  # does not belong to the model

    folder = read_model_files(NO_SPARK, str(location))

    others = set() if given == "file" else {"other.txt"}
    assert set(folder.contents) == {"best.onnx", "best.onnx.data"} | others
    assert folder.name == location.name
    assert_the_same_model(folder, file)


def test_an_onnx_file_in_a_bucket_comes_with_its_weights(
    file: Path, spark: SparkSession, store: Store
) -> None:
    for path in file.parent.iterdir():
        store.put(f"models/blobs/{path.name}", path.read_bytes())
    store.put("models/blobs/other.onnx", b"another network")

    folder = read_model_files(spark, f"{store.location}/models/blobs/best.onnx")

    assert set(folder.contents) == {"best.onnx", "best.onnx.data"}
    assert_the_same_model(folder, file)


def test_missing_weights_in_a_bucket_are_named(
    file: Path, spark: SparkSession, store: Store
) -> None:
    store.put("models/blobs/best.onnx", file.read_bytes())

    folder = read_model_files(spark, f"{store.location}/models/blobs/best.onnx")

    with pytest.raises(ModelError, match=r"its weights are in best\.onnx\.data, which is missing"):
        load_model(folder, Settings())


@pytest.mark.parametrize("given", ["file", "folder"])
def test_missing_weights_are_named(file: Path, given: str) -> None:
    (file.parent / "best.onnx.data").unlink()

    folder = read_model_files(NO_SPARK, str(file if given == "file" else file.parent))

    with pytest.raises(ModelError, match=r"its weights are in best\.onnx\.data, which is missing"):
        load_model(folder, Settings())


@pytest.mark.parametrize("given", ["file", "folder"])
@pytest.mark.parametrize("target", ["../outside.bin", "/etc/passwd"])
def test_a_link_out_of_the_folder_is_refused_and_not_read(
    file: Path, given: str, target: str
) -> None:
    data = file.parent / "best.onnx.data"
    data.rename(file.parent.parent / "outside.bin")
    data.symlink_to(target)

    folder = read_model_files(NO_SPARK, str(file if given == "file" else file.parent))

    assert folder.contents["best.onnx.data"] == b""
    with pytest.raises(
        ModelError, match=r"best\.onnx\.data, a link to a file outside of the folder"
    ):
        load_model(folder, Settings())


def test_a_link_within_the_folder_is_followed(file: Path) -> None:
    (file.parent / "best.onnx.data").rename(file.parent / "blob")
    (file.parent / "best.onnx.data").symlink_to("blob")

    assert_the_same_model(read_model_files(NO_SPARK, str(file)), file)


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="there is no model"):
        read_model_files(NO_SPARK, str(tmp_path))


def test_a_malformed_file_is_refused_when_it_is_loaded(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-50])

    folder = read_model_files(NO_SPARK, str(file))

    with pytest.raises(ModelError, match=r"best\.onnx: it is cut off"):
        load_model(folder, Settings())
