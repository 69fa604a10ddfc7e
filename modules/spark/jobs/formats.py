"""Writes a table of detections in the formats of labelling and training tools; see `write_format`.

The table is never held in memory: rows are streamed through one task or the driver, or the workers
write them.
"""

from __future__ import annotations

import json
import posixpath
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ..io.files import Files
from ..io.locations import qualify
from ..io.tables import read_table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession

    from ...models.loader import Model
    from ...settings import Settings

FORMATS = {
    "coco": "OUT.coco/: COCO's results.json, and images.json with what its numbers mean",
    "yolo": "OUT.yolo/: a text file of labels for each image, and classes.txt",
    "jsonl": "OUT.jsonl: the function's result documents, one per line",
}


def write_format(
    spark: SparkSession, name: str, output: str, root: str, model: Model, settings: Settings
) -> str:
    """Writes the table at `output` in one of `FORMATS`; returns the location.

    Args:
        spark: the session.
        name: a key of `FORMATS`.
        output: the location of the table.
        root: the prefix that image names leave out, with a slash at its end.
        model: the model of the detections.
        settings: the settings of the detections.
    """
    location = f"{output.rstrip('/')}.{name}"
    table = read_table(spark, output)
    if table is None:
        return location
    found = table.where("error is null")
    if name == "coco":
        _write_coco(spark, found, location, root, model)
    elif name == "yolo":
        _write_yolo(spark, found, location, root, model)
    else:
        from ..workers.formats import MakeDocuments

        size = model.detector.input_size
        worker = MakeDocuments(model.name, size, settings)
        lines = found.orderBy("path").mapInArrow(worker, "line string")
        Files(spark).write_text(lines, location)
    return location


def _write_coco(
    spark: SparkSession, found: DataFrame, location: str, root: str, model: Model
) -> None:
    """Writes https://cocodataset.org/#format-results; images and categories are numbered from 1."""
    rows = found.select("path", "width", "height", "detections").orderBy("path")
    files = Files(spark)
    with tempfile.TemporaryDirectory() as folder:
        results_path, images_path = Path(folder, "results.json"), Path(folder, "images.json")
        with results_path.open("w") as results, images_path.open("w") as images:
            categories = [
                {"id": index + 1, "name": name} for index, name in enumerate(model.labels)
            ]
            images.write(f'{{"categories": {json.dumps(categories)}, "images": ')
            _write_arrays(results, images, rows.toLocalIterator(prefetchPartitions=True), root)
            images.write("}\n")
        files.upload(results_path, f"{location}/results.json")
        files.upload(images_path, f"{location}/images.json")


def _write_arrays(results: TextIO, images: TextIO, rows: Iterator[Row], root: str) -> None:
    result_array, image_array = _JsonArray(results), _JsonArray(images)
    for number, row in enumerate(rows, 1):
        name = row["path"].removeprefix(root)
        image_array.add(
            {"id": number, "file_name": name, "width": row["width"], "height": row["height"]}
        )
        for detection in row["detections"]:
            result_array.add(
                {
                    "image_id": number,
                    "category_id": detection["class_id"] + 1,
                    "bbox": [detection["box"][side] for side in ("x", "y", "width", "height")],
                    "score": detection["confidence"],
                }
            )
    result_array.close()
    image_array.close()


class _JsonArray:
    """Writes a JSON array to a file, one item at a time."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._separator = "["

    def add(self, item: dict[str, Any]) -> None:
        self._file.write(f"{self._separator}\n{json.dumps(item, ensure_ascii=False)}")
        self._separator = ","

    def close(self) -> None:
        self._file.write("[]\n" if self._separator == "[" else "\n]\n")


def _write_yolo(
    spark: SparkSession, found: DataFrame, location: str, root: str, model: Model
) -> None:
    """Writes lines of `class x y width height`, centres and sizes in units of the image.

    That is Darknet's format. The workers write a file per image, the driver classes.txt.
    """
    from ..workers.formats import WriteLabels

    worker = WriteLabels(root, posixpath.join(qualify(spark, location), "labels"))
    rows = found.select("path", "width", "height", "detections")
    rows.mapInArrow(worker, "images bigint").agg({"images": "sum"}).collect()
    names = "".join(f"{label}\n" for label in model.labels)
    Files(spark).write(f"{location}/classes.txt", names.encode())
