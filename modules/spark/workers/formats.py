"""The workers of `detect --format`: rows of detections -> label files and documents."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ...results.document import ModelSummary, Source, result_document
from ...settings import Settings
from ...telemetry.timings import Timings
from ..io.output_folder import open_output_folder


@dataclass(frozen=True)
class WriteLabels:
    """Writes a YOLO label file for each row; the file of an image without objects is empty.

    root: the prefix that image names leave out. location: where the files are written, under the
    names of their images.
    """

    root: str
    location: str

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yields one row per batch: how many files were written."""
        folder = open_output_folder(self.location)
        for batch in batches:
            for row in batch.to_pylist():
                name = posixpath.splitext(row["path"].removeprefix(self.root))[0]
                text = "".join(f"{line}\n" for line in _yolo_lines(row))
                folder.write(f"{name}.txt", text.encode(), "text/plain")
            yield pa.RecordBatch.from_pydict({"images": [batch.num_rows]})


def _yolo_lines(row: dict[str, Any]) -> Iterator[str]:
    for detection in row["detections"]:
        box = detection["box"]
        x, width = (box["x"] + box["width"] / 2) / row["width"], box["width"] / row["width"]
        y, height = (box["y"] + box["height"] / 2) / row["height"], box["height"] / row["height"]
        yield f"{detection['class_id']} {x:.6f} {y:.6f} {width:.6f} {height:.6f}"


@dataclass(frozen=True)
class MakeDocuments:
    """Makes the function's result document of each row.

    name: of the model. input_size: (width, height) of the model's input, in pixels. settings: those
    of the detections.
    """

    name: str
    input_size: tuple[int, int]
    settings: Settings

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yields one document per row, as one line of JSON."""
        for batch in batches:
            lines = [
                json.dumps(self._make_document(row), ensure_ascii=False)
                for row in batch.to_pylist()
            ]
            yield pa.RecordBatch.from_pydict({"line": pa.array(lines, pa.string())})

    def _make_document(self, row: dict[str, Any]) -> dict[str, Any]:
        return result_document(
            Source(row["path"]),
            size=row["size"],
            width=row["width"],
            height=row["height"],
            model=ModelSummary(self.name, row["model"], self.input_size),
            settings=self.settings,
            detections=row["detections"],
            timings_ms=Timings().rounded() | {"infer": row["milliseconds"]},
        )
