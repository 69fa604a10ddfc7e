import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from pyspark.sql import SparkSession

from modules.cli import main
from modules.object_detection.images import decode_image
from tests.spark.conftest import Store, png, rows

Batch = Callable[..., int]


def test_a_row_an_image_with_its_detections(
    batch: Batch, spark: SparkSession, photos: Path, colours: Path, tmp_path: Path
) -> None:
    code = batch("detect", photos, "--model", colours, "--output", tmp_path / "out")

    found = rows(spark, tmp_path / "out")
    assert code == 0
    assert [row["path"] for row in found] == sorted(
        f"file:{path}" for path in photos.rglob("*.png")
    )
    first = found[0]
    assert first["size"] == (photos / "even" / "00.png").stat().st_size
    assert (first["width"], first["height"], first["error"]) == (64, 64, None)
    assert first["model"].startswith("sha256:")
    assert first["milliseconds"] > 0
    assert first["detections"][0] == {
        "class_id": 0,
        "label": "red",
        "confidence": 1.0,
        "box": {"x": 0.0, "y": 40.0, "width": 8.0, "height": 8.0},
    }


def test_any_reader_of_parquet_reads_the_table(
    batch: Batch, photos: Path, colours: Path, tmp_path: Path
) -> None:
    batch("detect", photos, "--model", colours, "--output", tmp_path / "out")

    assert pyarrow.parquet.read_table(tmp_path / "out").num_rows == 12


def test_detections_are_those_of_the_command_box_for_box(
    batch: Batch,
    spark: SparkSession,
    shared: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    images, model = shared("coco128/images"), shared("models/yolo-fastest-1.1-xl")
    main(["detect", str(images), "--model", str(model), "--json"])
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    batch("detect", images, "--model", model, "--output", tmp_path / "out")

    found = {row["path"].removeprefix("file:"): row for row in rows(spark, tmp_path / "out")}
    assert len(found) == len(documents) == 128
    for document in documents:
        row = found[document["image"]["key"]]
        assert row["detections"] == document["detections"]
        assert row["model"] == document["model"]["digest"]


def test_a_bucket_is_read_and_written_and_its_model_too(
    batch: Batch, spark: SparkSession, store: Store, photos: Path, colours: Path
) -> None:
    for path in photos.rglob("*.png"):
        store.put(f"input/{path.relative_to(photos)}", path.read_bytes())
    for path in colours.iterdir():
        store.put(f"models/colours/{path.name}", path.read_bytes())

    code = batch(
        *("detect", f"{store.place}/input/", "--model", f"{store.place}/models/colours"),
        *("--output", f"{store.place}/found", "--annotate", f"{store.place}/boxed/"),
    )

    found = rows(spark, f"{store.place}/found")
    assert code == 0
    assert [len(row["detections"]) for row in found] == [2] * 12
    assert store.keys("boxed/") == [
        f"boxed/{folder}/{index:02}.png"
        for folder, start in (("even", 0), ("odd", 1))
        for index in range(start, 12, 2)
    ]
    head = store.client.head_object(Bucket=store.name, Key="boxed/even/00.png")
    assert head["ContentType"] == "image/png"


def test_annotated_pictures_are_those_of_the_command(
    batch: Batch, photos: Path, colours: Path, tmp_path: Path
) -> None:
    main(["detect", str(photos), "--model", str(colours), "--output", str(tmp_path / "command")])

    batch(
        *("detect", photos, "--model", colours, "--output", tmp_path / "out"),
        *("--annotate", tmp_path / "batch"),
    )

    written = sorted(path for path in (tmp_path / "batch").rglob("*") if path.is_file())
    assert len(written) == 12
    for path in written:
        twin = tmp_path / "command" / path.relative_to(tmp_path / "batch")
        one, other = (decode_image(p.read_bytes(), max_pixels=10_000).pixels for p in (path, twin))
        assert np.array_equal(one, other)


def test_broken_images_are_rows_with_their_errors_and_cost_no_neighbour(
    batch: Batch,
    spark: SparkSession,
    photos: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good = photos / "even" / "00.png"
    (photos / "empty.jpg").touch()
    (photos / "text.jpg").write_text("no image")
    (photos / "cut.png").write_bytes(good.read_bytes()[:-40])

    code = batch("detect", photos, "--model", colours, "--output", tmp_path / "out")

    found = {Path(row["path"]).name: row for row in rows(spark, tmp_path / "out")}
    broken = {name for name, row in found.items() if row["error"] is not None}
    assert code == 1
    assert broken == {"empty.jpg", "text.jpg", "cut.png"}
    assert len(found) == 15
    assert found["text.jpg"]["detections"] is None
    told = capsys.readouterr().err
    assert f"file:{photos}/text.jpg: " in told
    assert found["text.jpg"]["error"] in told


def test_an_image_of_too_many_bytes_is_a_row_with_its_error_and_never_read(
    batch: Batch,
    spark: SparkSession,
    photos: Path,
    colours: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAX_IMAGE_BYTES", "5000")
    (photos / "large.png").write_bytes(b"x" * 5001)

    code = batch("detect", photos, "--model", colours, "--output", tmp_path / "out")

    found = {Path(row["path"]).name: row for row in rows(spark, tmp_path / "out")}
    assert code == 1
    assert len(found) == 13
    assert found["large.png"]["size"] == 5001
    assert found["large.png"]["error"] == (
        "5,001 bytes are too many; at most 5,000 are allowed (MAX_IMAGE_BYTES)"
    )


def test_a_second_run_does_what_is_new_alone(
    batch: Batch,
    spark: SparkSession,
    photos: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    batch("detect", photos, "--model", colours, "--output", tmp_path / "out")
    before = {path.name for path in (tmp_path / "out").glob("part-*")}
    (photos / "new.png").write_bytes(png(red=(1, 1)))
    capsys.readouterr()

    code = batch("detect", photos, "--model", colours, "--output", tmp_path / "out")

    assert code == 0
    assert "1 of 13 images done" in capsys.readouterr().err
    assert len(rows(spark, tmp_path / "out")) == 13
    assert before < {path.name for path in (tmp_path / "out").glob("part-*")}


def test_a_round_that_was_killed_while_it_was_committed_is_done_anew(
    batch: Batch, spark: SparkSession, photos: Path, colours: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    batch("detect", photos, "--model", colours, "--output", out)
    part = sorted(out.glob("part-*"))[0]
    (out / "_temporary" / "0" / "task_of_the_killed_job_m_000000").mkdir(parents=True)
    part.rename(out / "_temporary" / "0" / "task_of_the_killed_job_m_000000" / part.name)

    batch("detect", photos, "--model", colours, "--output", out)

    paths = [row["path"] for row in rows(spark, out)]
    assert len(paths) == len(set(paths)) == 12


def test_results_of_two_kinds_never_share_a_table(
    batch: Batch,
    photos: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    batch("detect", photos, "--model", colours, "--output", tmp_path / "out")

    code = batch(
        *("detect", photos, "--model", colours, "--output", tmp_path / "out"),
        *("--confidence", "0.9"),
    )

    assert code == 2
    assert "was made with confidence 0.5; now it is 0.9" in capsys.readouterr().err


def test_a_broken_model_is_told_before_any_image_is_touched(
    batch: Batch,
    photos: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = tmp_path / "broken"
    model.mkdir()
    for path in colours.iterdir():
        (model / path.name).write_bytes(path.read_bytes())
    (model / "colours.weights").write_bytes(b"short")

    code = batch("detect", photos, "--model", model, "--output", tmp_path / "out")

    assert code == 2
    assert "colours.weights" in capsys.readouterr().err or not (tmp_path / "out").exists()
    assert not (tmp_path / "out").exists()


def test_coco_results_are_what_cocos_own_tools_read(
    batch: Batch, photos: Path, colours: Path, tmp_path: Path
) -> None:
    from pycocotools.coco import COCO

    batch("detect", photos, "--model", colours, "--output", tmp_path / "out", "--format", "coco")

    images = json.loads((tmp_path / "out.coco" / "images.json").read_text())
    truth = COCO()
    truth.dataset = {**images, "annotations": []}
    truth.createIndex()
    found = truth.loadRes(str(tmp_path / "out.coco" / "results.json"))
    assert [category["name"] for category in images["categories"]] == ["red", "green"]
    assert images["images"][0] == {
        "id": 1,
        "file_name": "even/00.png",
        "width": 64,
        "height": 64,
    }
    assert found.loadAnns(found.getAnnIds(imgIds=[1], catIds=[1]))[0]["bbox"] == [0, 40, 8, 8]
    assert len(found.anns) == 24


def test_yolo_labels_name_their_images_and_where_objects_lie(
    batch: Batch, photos: Path, colours: Path, tmp_path: Path
) -> None:
    (photos / "nothing.png").write_bytes(png())

    batch("detect", photos, "--model", colours, "--output", tmp_path / "out", "--format", "yolo")

    labels = tmp_path / "out.yolo" / "labels"
    assert (tmp_path / "out.yolo" / "classes.txt").read_text() == "red\ngreen\n"
    assert (labels / "even" / "02.txt").read_text().splitlines() == [
        "0 0.312500 0.687500 0.125000 0.125000",
        "1 0.812500 0.312500 0.125000 0.125000",
    ]
    assert (labels / "nothing.txt").read_text() == ""
    assert len(list(labels.rglob("*.txt"))) == 13


def test_jsonl_has_the_functions_own_documents(
    batch: Batch,
    photos: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    batch("detect", photos, "--model", colours, "--output", tmp_path / "out", "--format", "jsonl")
    capsys.readouterr()
    main(["detect", str(photos), "--model", str(colours), "--json"])

    ours = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    theirs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for document in [*ours, *theirs]:
        document.pop("timings_ms")
        document["image"]["key"] = document["image"]["key"].removeprefix("file:")
    assert ours == theirs


def test_standard_output_says_where_everything_lies(
    batch: Batch,
    photos: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"

    batch("detect", photos, "--model", colours, "--output", out, "--format", "jsonl")

    assert capsys.readouterr().out.splitlines() == [str(out), f"{out}.jsonl"]
    assert os.path.exists(f"{out}.jsonl")  # noqa: PTH110 - as a script would
