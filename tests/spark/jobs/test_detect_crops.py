"""`batch detect --crops`: workers write each object, and `batch run` starts from the result."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from modules.cli import main
from modules.object_detection.images import decode_image
from modules.results.crops.mark import read_mark
from tests.resnet50 import write_resnet50
from tests.spark.conftest import Batch, Store, png, rows


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.jpg")}


def detect(batch: Batch, colours: Path, photos: object, folder: object) -> int:
    return batch(
        *("detect", photos, "--model", colours, "--output", f"{folder}/out"),
        *("--crops", f"{folder}/crops"),
    )


def test_run_starts_from_the_crops(
    batch: Batch, spark: SparkSession, photos: Path, colours: Path, tmp_path: Path
) -> None:
    assert detect(batch, colours, photos, tmp_path) == 0

    network = write_resnet50(tmp_path / "resnet50", width=4)
    code = batch(
        *("run", tmp_path / "crops", "--model", network, "--size", 32, "--pca", 2),
        *("--output", tmp_path / "reduced"),
    )

    assert code == 0
    lines = (tmp_path / "reduced" / "scores.csv").read_text().splitlines()[1:]
    assert sorted(line.split(",")[1] for line in lines) == ["green"] * 12 + ["red"] * 12
    # Each crop is the object with its number in the image's row
    for row in rows(spark, tmp_path / "out"):
        image = Path(row["path"])
        for number, item in enumerate(row["detections"]):
            name = f"{image.parent.name}~{image.name}_{number}.jpg"
            facts = read_mark((tmp_path / "crops" / item["label"] / name).read_bytes())
            assert facts == {
                "crop_of": row["path"],
                **{field: item[field] for field in ("label", "confidence", "box")},
            }


def test_crops_may_be_in_a_bucket(
    batch: Batch,
    store: Store,
    photos: Path,
    colours: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("even/00.png", "odd/01.png"):
        store.put(f"input/{name}", (photos / name).read_bytes())

    assert detect(batch, colours, f"{store.location}/input", store.location) == 0

    assert f"{store.location}/crops" in capsys.readouterr().out.splitlines()
    keys = store.keys("crops/")
    assert keys == [
        f"crops/{name}"
        for name in (
            *("green/even~00.png_1.jpg", "green/odd~01.png_1.jpg"),
            *("red/even~00.png_0.jpg", "red/odd~01.png_0.jpg"),
        )
    ]
    assert decode_image(store.get(keys[0]), max_pixels=100).pixels.shape == (8, 8, 3)
    head = store.client.head_object(Bucket=store.name, Key=keys[0])
    assert head["ContentType"] == "image/jpeg"


def test_crops_are_those_of_the_command_apart_from_the_keys_in_them(
    batch: Batch, photos: Path, colours: Path, tmp_path: Path
) -> None:
    odd = photos / "odd" / "50% ~ ü.png"
    shutil.copy(photos / "odd" / "01.png", odd)

    assert detect(batch, colours, photos, tmp_path) == 0

    main(["detect", str(photos), "--model", str(colours), "--crops", str(tmp_path / "command")])
    ours, theirs = tree(tmp_path / "crops"), tree(tmp_path / "command")
    assert len(ours) == 26
    assert "red/odd~50%25 %7E ü.png_0.jpg" in ours
    assert ours.keys() == theirs.keys()
    for name in ours:
        one, other = (
            decode_image(data, max_pixels=100).pixels for data in (ours[name], theirs[name])
        )
        assert (one == other).all()


def test_a_job_that_was_stopped_leaves_no_crops_of_replaced_images(
    batch: Batch, photos: Path, colours: Path, tmp_path: Path
) -> None:
    detect(batch, colours, photos, tmp_path)
    finished = tree(tmp_path / "crops")
    # As a kill leaves it: crops of an image without a row, and a part of a file
    late = photos / "odd" / "late.png"
    crops = tmp_path / "crops"
    shutil.copy(crops / "red" / "odd~01.png_0.jpg", crops / "red" / "odd~late.png_7.jpg")
    (crops / "red" / f".{'0' * 32}.part").write_bytes(b"half")
    late.write_bytes(png(green=(2, 2)))

    assert detect(batch, colours, photos, tmp_path) == 0

    found = tree(crops)
    assert found.keys() == {*finished, "green/odd~late.png_0.jpg"}
    assert {name: found[name] for name in finished} == finished
    assert list(crops.rglob("*.part")) == []


def test_crops_never_stand_among_other_files(
    batch: Batch,
    photos: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mine = tmp_path / "crops" / "red" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")

    assert detect(batch, colours, photos, tmp_path) == 2

    assert "there are files already, such as mine.txt" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert batch("detect", photos, "--model", colours, "--output", tmp_path / "out") == 0
    mine.unlink()
    assert detect(batch, colours, photos, tmp_path) == 2
    assert f"was made with crops None; now it is file:{tmp_path}/crops" in capsys.readouterr().err


def test_crops_under_the_input_are_no_images(
    batch: Batch, spark: SparkSession, photos: Path, colours: Path
) -> None:
    assert detect(batch, colours, photos, photos) == 0
    assert detect(batch, colours, photos, photos) == 0

    assert len(rows(spark, photos / "out")) == 12
