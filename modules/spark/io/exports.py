"""Detections for the tools that label and train, beside their table; start at `export`.

The table at OUT is read and never held: what is written is streamed through one task or the driver,
or written by the workers.
"""

from __future__ import annotations

import json
import posixpath
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from .files import Files
from .images import qualified
from .tables import read_table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession

    from ...models.loader import Model
    from ...settings import Settings

FORMATS = {
    "coco": "OUT.coco/: COCO's results.json, and images.json with what its numbers mean",
    "yolo": "OUT.yolo/: a text file of labels for each image, and classes.txt",
    "jsonl": "OUT.jsonl: the function's own result document, one a line",
}


def export(
    spark: SparkSession, name: str, output: str, root: str, model: Model, settings: Settings
) -> str:
    """Writes the table at `output` in one of `FORMATS`; returns where.

    Args:
        spark: the session.
        name: the format's.
        output: where the table lies.
        root: what images' names are told from, with a slash at its end.
        model: it was made with.
        settings: it was made with.
    """
    place = f"{output.rstrip('/')}.{name}"
    table = read_table(spark, output)
    if table is None:
        return place
    found = table.where("error is null")
    if name == "coco":
        _write_coco(spark, found, place, root, model)
    elif name == "yolo":
        _write_yolo(spark, found, place, root, model)
    else:
        from ..workers.export import WriteDocuments

        size = model.detector.input_size
        worker = WriteDocuments(model.name, size, settings.confidence, settings.nms)
        lines = found.orderBy("path").mapInArrow(worker, "line string")
        Files(spark).write_text(lines, place)
    return place


def _write_coco(spark: SparkSession, found: DataFrame, place: str, root: str, model: Model) -> None:
    """https://cocodataset.org/#format-results, numbers of images and categories from 1."""
    rows = found.select("path", "width", "height", "detections").orderBy("path")
    files = Files(spark)
    with tempfile.TemporaryDirectory() as folder:
        results, images = Path(folder, "results.json"), Path(folder, "images.json")
        with results.open("w") as one, images.open("w") as other:
            categories = [
                {"id": index + 1, "name": name} for index, name in enumerate(model.labels)
            ]
            other.write(f'{{"categories": {json.dumps(categories)}, "images": ')
            _write_arrays(one, other, rows.toLocalIterator(prefetchPartitions=True), root)
            other.write("}\n")
        files.upload(results, f"{place}/results.json")
        files.upload(images, f"{place}/images.json")


def _write_arrays(results: TextIO, images: TextIO, rows: Iterator[Row], root: str) -> None:
    add_result, add_image = _array(results), _array(images)
    for number, row in enumerate(rows, 1):
        name = row["path"].removeprefix(root)
        add_image({"id": number, "file_name": name, "width": row["width"], "height": row["height"]})
        for detection in row["detections"]:
            add_result(
                {
                    "image_id": number,
                    "category_id": detection["class_id"] + 1,
                    "bbox": [detection["box"][side] for side in ("x", "y", "width", "height")],
                    "score": detection["confidence"],
                }
            )
    add_result(None)
    add_image(None)


def _array(file: TextIO) -> Callable[[dict[str, Any] | None], None]:
    """Writes a JSON array an item at a time; None ends it."""
    before = "["

    def add(item: dict[str, Any] | None) -> None:
        nonlocal before
        if item is None:
            file.write("[]\n" if before == "[" else "\n]\n")
            return
        file.write(f"{before}\n{json.dumps(item, ensure_ascii=False)}")
        before = ","

    return add


def _write_yolo(spark: SparkSession, found: DataFrame, place: str, root: str, model: Model) -> None:
    """`class x y width height` a line, centres and sizes in units of the image, as Darknet's."""
    from ..workers.export import WriteLabels

    worker = WriteLabels(root, posixpath.join(qualified(spark, place), "labels"))
    rows = found.select("path", "width", "height", "detections")
    rows.mapInArrow(worker, "images bigint").agg({"images": "sum"}).collect()
    names = "".join(f"{label}\n" for label in model.labels)
    Files(spark).write(f"{place}/classes.txt", names.encode())
