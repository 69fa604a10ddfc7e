from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet
import pytest
from pyspark.sql import SparkSession

from modules.cli import main
from modules.object_detection.images import decode_image
from modules.spark.io.files import Files
from tests.colour_model import gif, large_picture
from tests.spark.conftest import Batch, Store, png, rows, write_photos


@dataclass(frozen=True)
class Run:
    """One run of the job, for tests that only read: its images, exit code, output and stdout."""

    photos: Path
    code: int
    out: Path
    annotated: Path
    printed: list[str]


@pytest.fixture(scope="module")
def finished(batch: Batch, colours: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run over twelve images of two squares and one without, with all outputs."""
    folder = tmp_path_factory.mktemp("detect")
    photos, out, annotated = write_photos(folder / "photos"), folder / "out", folder / "annotated"
    (photos / "even" / "nothing.png").write_bytes(png())
    with contextlib.redirect_stdout(io.StringIO()) as stdout:
        code = batch(
            *("detect", photos, "--model", colours, "--output", out, "--annotate", annotated),
            *("--format", "coco", "--format", "yolo", "--format", "jsonl"),
        )
    return Run(photos, code, out, annotated, stdout.getvalue().splitlines())


def test_a_row_per_image_with_its_detections(finished: Run, spark: SparkSession) -> None:
    found = rows(spark, finished.out)

    assert finished.code == 0
    assert [row["path"] for row in found] == sorted(
        f"file:{path}" for path in finished.photos.rglob("*.png")
    )
    first = found[0]
    assert first["size"] == (finished.photos / "even" / "00.png").stat().st_size
    assert (first["width"], first["height"], first["error"]) == (64, 64, None)
    assert first["model"].startswith("sha256:")
    assert first["milliseconds"] > 0
    assert first["detections"][0] == {
        "class_id": 0,
        "label": "red",
        "confidence": 1.0,
        "box": {"x": 0.0, "y": 40.0, "width": 8.0, "height": 8.0},
    }


def test_any_reader_of_parquet_reads_the_table(finished: Run) -> None:
    assert pyarrow.parquet.read_table(finished.out).num_rows == 13


def test_standard_output_lists_every_output(finished: Run) -> None:
    out = finished.out

    assert finished.printed == [
        *(str(out), str(finished.annotated)),
        *(f"{out}.coco", f"{out}.yolo", f"{out}.jsonl"),
    ]
    assert all(Path(line).exists() for line in finished.printed)


def test_annotated_images_are_those_of_the_command(
    finished: Run, colours: Path, tmp_path: Path
) -> None:
    main(["detect", str(finished.photos), "--model", str(colours), "--output", str(tmp_path)])

    written = sorted(path for path in finished.annotated.rglob("*") if path.is_file())
    assert len(written) == 13
    for path in written:
        other = tmp_path / path.relative_to(finished.annotated)
        ours, theirs = (
            decode_image(file.read_bytes(), max_pixels=10_000).pixels for file in (path, other)
        )
        assert np.array_equal(ours, theirs)


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


def test_images_model_and_outputs_may_be_in_a_bucket(
    batch: Batch, spark: SparkSession, store: Store, photos: Path, colours: Path
) -> None:
    for path in photos.rglob("*.png"):
        store.put(f"input/{path.relative_to(photos)}", path.read_bytes())
    for path in colours.iterdir():
        store.put(f"models/colours/{path.name}", path.read_bytes())

    code = batch(
        *("detect", f"{store.location}/input/", "--model", f"{store.location}/models/colours"),
        *("--output", f"{store.location}/found", "--annotate", f"{store.location}/boxed/"),
    )

    found = rows(spark, f"{store.location}/found")
    assert code == 0
    assert [len(row["detections"]) for row in found] == [2] * 12
    assert store.keys("boxed/") == [
        f"boxed/{folder}/{index:02}.png"
        for folder, start in (("even", 0), ("odd", 1))
        for index in range(start, 12, 2)
    ]
    head = store.client.head_object(Bucket=store.name, Key="boxed/even/00.png")
    assert head["ContentType"] == "image/png"


def test_bad_images_are_rows_with_an_error_and_do_not_affect_the_others(
    batch: Batch,
    spark: SparkSession,
    photos: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAX_IMAGE_BYTES", "5000")
    good = photos / "even" / "00.png"
    (photos / "empty.jpg").touch()
    (photos / "text.jpg").write_text("no image")
    (photos / "cut.png").write_bytes(good.read_bytes()[:-40])
    (photos / "large.png").write_bytes(b"x" * 5001)

    code = batch("detect", photos, "--model", colours, "--output", tmp_path / "out")

    found = {Path(row["path"]).name: row for row in rows(spark, tmp_path / "out")}
    failed = {name for name, row in found.items() if row["error"] is not None}
    assert code == 1
    assert failed == {"empty.jpg", "text.jpg", "cut.png", "large.png"}
    assert len(found) == 16
    assert found["text.jpg"]["detections"] is None
    assert found["large.png"]["size"] == 5001
    assert found["large.png"]["error"] == (
        "5,001 bytes are too many; at most 5,000 are allowed (MAX_IMAGE_BYTES)"
    )
    printed = capsys.readouterr().err
    assert f"file:{photos}/text.jpg: {found['text.jpg']['error']}" in printed


def test_a_second_run_processes_only_new_images(
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


def test_a_round_that_was_killed_during_its_commit_is_repeated(
    batch: Batch, spark: SparkSession, finished: Run, colours: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(finished.out, tmp_path / "out")
    part = sorted(out.glob("part-*"))[0]
    uncommitted = out / "_temporary" / "0" / "task_of_the_killed_job_m_000000"
    uncommitted.mkdir(parents=True)
    part.rename(uncommitted / part.name)
    assert len(rows(spark, out)) < 13

    batch("detect", finished.photos, "--model", colours, "--output", out)

    paths = [row["path"] for row in rows(spark, out)]
    assert len(paths) == len(set(paths)) == 13


def test_results_of_different_settings_never_share_a_table(
    batch: Batch, finished: Run, colours: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = batch(
        *("detect", finished.photos, "--model", colours, "--output", finished.out),
        *("--confidence", "0.9"),
    )

    assert code == 2
    assert "was made with confidence 0.5; now it is 0.9" in capsys.readouterr().err


def test_with_multi_label_every_format_has_a_box_for_each_of_its_classes(
    batch: Batch, spark: SparkSession, colours: Path, tmp_path: Path
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    (photos / "yellow.png").write_bytes(png(yellow=(2, 5)))

    code = batch(
        *("detect", photos, "--model", colours, "--output", out),
        *("--confidence", "0.3", "--multi-label"),
        *("--format", "coco", "--format", "yolo", "--format", "jsonl"),
    )

    assert code == 0
    (row,) = rows(spark, out)
    found = [(item["label"], item["confidence"]) for item in row["detections"]]
    assert found == [("red", 0.5968), ("green", 0.4032)]
    (document,) = map(json.loads, Path(f"{out}.jsonl").read_text().splitlines())
    assert document["settings"] == {"confidence": 0.3, "nms": 0.4, "multi_label": True}
    assert Path(f"{out}.yolo/labels/yellow.txt").read_text().splitlines() == [
        "0 0.312500 0.687500 0.125000 0.125000",
        "1 0.312500 0.687500 0.125000 0.125000",
    ]
    results = json.loads(Path(f"{out}.coco/results.json").read_text())
    assert [(item["category_id"], item["score"]) for item in results] == [(1, 0.5968), (2, 0.4032)]


def test_slices_find_small_things_in_large_images(
    batch: Batch, spark: SparkSession, colours: Path, tmp_path: Path
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    data = cv2.imencode(".png", large_picture(red=(20, 13)))[1]
    (photos / "large.png").write_bytes(bytes(data))

    code = batch(
        *("detect", photos, "--model", colours, "--output", out),
        *("--slice", "64", "--slice-overlap", "0.25", "--format", "jsonl"),
    )

    assert code == 0
    ((item,),) = (row["detections"] for row in rows(spark, out))
    assert (item["label"], item["box"]["x"], item["box"]["y"]) == ("red", 160.0, 102.0)
    (document,) = map(json.loads, Path(f"{out}.jsonl").read_text().splitlines())
    assert (document["settings"]["slice"], document["settings"]["slice_overlap"]) == (64, 0.25)


def test_a_broken_model_is_reported_before_any_output_is_written(
    batch: Batch,
    photos: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = shutil.copytree(colours, tmp_path / "broken")
    (model / "colours.weights").write_bytes(b"short")

    code = batch("detect", photos, "--model", model, "--output", tmp_path / "out")

    assert code == 2
    assert f"{model}: the weights end after 5 bytes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_cocos_own_tools_read_the_coco_files(finished: Run) -> None:
    from pycocotools.coco import COCO

    folder = Path(f"{finished.out}.coco")
    images = json.loads((folder / "images.json").read_text())
    truth = COCO()
    truth.dataset = {**images, "annotations": []}
    truth.createIndex()
    found = truth.loadRes(str(folder / "results.json"))

    assert [category["name"] for category in images["categories"]] == ["red", "green"]
    assert images["images"][0] == {
        "id": 1,
        "file_name": "even/00.png",
        "width": 64,
        "height": 64,
    }
    assert found.loadAnns(found.getAnnIds(imgIds=[1], catIds=[1]))[0]["bbox"] == [0, 40, 8, 8]
    assert len(found.anns) == 24


def test_yolo_labels_have_the_names_of_their_images_and_relative_boxes(finished: Run) -> None:
    folder = Path(f"{finished.out}.yolo")

    assert (folder / "classes.txt").read_text() == "red\ngreen\n"
    assert (folder / "labels" / "even" / "02.txt").read_text().splitlines() == [
        "0 0.312500 0.687500 0.125000 0.125000",
        "1 0.812500 0.312500 0.125000 0.125000",
    ]
    assert (folder / "labels" / "even" / "nothing.txt").read_text() == ""
    assert len(list((folder / "labels").rglob("*.txt"))) == 13


def test_jsonl_has_the_documents_of_the_command(
    finished: Run, colours: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["detect", str(finished.photos), "--model", str(colours), "--json"])

    lines = Path(f"{finished.out}.jsonl").read_text().splitlines()
    ours = [json.loads(line) for line in lines]
    theirs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for document in [*ours, *theirs]:
        document.pop("timings_ms")
        document["image"]["key"] = document["image"]["key"].removeprefix("file:")
    assert len(ours) == 13
    assert ours == theirs


def test_no_checksum_files_are_written(finished: Run) -> None:
    folder = finished.out.parent

    assert (finished.out / "_SUCCESS").exists()
    assert [path.name for path in folder.rglob("*") if path.suffix == ".crc"] == []


def test_checksum_files_of_earlier_versions_are_removed_with_their_files(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_bytes(b"old")
    (tmp_path / ".a.json.crc").write_bytes(b"crc\0\0\0\2\0" + bytes(4))

    Files(spark).write(f"{tmp_path}/a.json", b"new")

    assert Files(spark).read(f"{tmp_path}/a.json") == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_images_are_found_by_contents_and_other_files_counted(
    batch: Batch,
    colours: Path,
    spark: SparkSession,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jfif", "b"):
        (folder / name).write_bytes(png(red=(1, 1)))
    for name in ("1.txt", "2.txt", "3.json"):
        (folder / name).write_bytes(b"text")

    code = batch("detect", folder, "--model", colours, "--output", tmp_path / "out")

    assert code == 0
    assert capsys.readouterr().err.splitlines()[-1] == "3 files left out: 2 .txt, 1 .json"
    assert [Path(row["path"]).name for row in rows(spark, tmp_path / "out")] == ["a.jfif", "b"]


def test_a_broken_image_is_a_row_by_its_suffix_or_its_contents(
    batch: Batch, colours: Path, spark: SparkSession, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "page.jpg").write_bytes(b"<html>")
    (folder / "cut").write_bytes(png()[:50])

    code = batch("detect", folder, "--model", colours, "--output", tmp_path / "out")

    assert code == 1
    assert all(row["error"] for row in rows(spark, tmp_path / "out"))
    assert len(rows(spark, tmp_path / "out")) == 2


def test_annotated_images_overwrite_neither_inputs_nor_files_of_others(
    batch: Batch, colours: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = ("detect", photos, "--model", colours, "--output", tmp_path / "out", "--annotate")
    (tmp_path / "other" / "odd").mkdir(parents=True)
    (tmp_path / "other" / "odd" / "01.png").write_bytes(b"mine")
    before = (photos / "odd" / "01.png").read_bytes()

    assert batch(*job, photos) == 2
    assert "inputs are never overwritten" in capsys.readouterr().err
    assert batch(*job, tmp_path / "other") == 2
    assert "other/odd/01.png exists already" in capsys.readouterr().err
    assert (tmp_path / "other" / "odd" / "01.png").read_bytes() == b"mine"
    assert (photos / "odd" / "01.png").read_bytes() == before
    assert batch(*job, tmp_path / "new") == 0
    assert batch(*job, tmp_path / "new") == 0


def test_annotated_images_of_formats_that_are_only_read_are_jpegs_and_overwrite_no_others(
    batch: Batch, colours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.gif").write_bytes(gif(red=(2, 5)))
    (photos / "a.gif.jpg").write_bytes(png(red=(2, 5)))
    output, annotated = tmp_path / "out", tmp_path / "annotated"
    job = ("detect", photos, "--model", colours, "--output", output, "--annotate", annotated)

    assert batch(*job) == 2
    assert "the annotated images of file:" in capsys.readouterr().err
    (photos / "a.gif.jpg").rename(photos / "b.jpg")
    assert batch(*job, "--format", "jsonl") == 0

    assert {path.name for path in annotated.iterdir()} == {"a.gif.jpg", "b.jpg"}
    assert (annotated / "a.gif.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
    assert (annotated / "b.jpg").read_bytes()[:4] == b"\x89PNG"
    lines = Path(f"{output}.jsonl").read_text().splitlines()
    assert [json.loads(line)["annotated"] for line in lines] == [None, None]


def test_outputs_above_the_input_hide_no_image(
    batch: Batch, colours: Path, photos: Path, spark: SparkSession, tmp_path: Path
) -> None:
    code = batch("detect", photos, "--model", colours, "--output", tmp_path, "--annotate", tmp_path)

    assert code == 0
    assert len(list(tmp_path.glob("odd/*.png"))) == 6
    assert rows(spark, f"{tmp_path}/part-*.parquet")


def test_an_image_whose_name_is_no_utf8_is_named_and_the_others_processed(
    batch: Batch, colours: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / os.fsdecode(b"caf\xe9.png")).write_bytes(png())

    code = batch("detect", photos, "--model", colours, "--output", tmp_path / "out")

    assert code == 1
    messages = capsys.readouterr().err
    assert "12 of 13 images done" in messages
    assert "caf\\xe9.png, whose name is no UTF-8 (rename it): could not be read" in messages
