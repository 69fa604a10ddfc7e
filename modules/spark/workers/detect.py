"""The worker of `detect`: images -> rows of detections; see `DetectImages`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...models.loader import Model, load_model
from ...results.document import describe_detections
from ...results.keys import annotated_name
from ...results.pipeline import draw, process
from ...settings import Settings
from ...telemetry.timings import Timings
from ..io.crops import write_crops
from ..io.model_files import MemoryFolder
from ..io.output_folder import open_output_folder
from ..io.readers import ReadImage
from .rows import FIELDS, load_once, make_rows

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.accumulators import Accumulator

_BOX = pa.struct([(side, pa.float64()) for side in ("x", "y", "width", "height")])
_DETECTION = pa.struct(
    [
        ("class_id", pa.int32()),
        ("label", pa.string()),
        ("confidence", pa.float64()),
        ("box", _BOX),
    ]
)
SCHEMA = pa.schema(
    [
        *FIELDS,
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("model", pa.string()),
        ("detections", pa.list_(_DETECTION)),
        ("milliseconds", pa.float64()),
    ]
)


@dataclass(frozen=True)
class DetectImages:
    """Detects objects on a worker, which loads the model once.

    folder: the model's files. digest: identifies the model, as a worker outlives a job. done:
    counts finished images. root: the prefix that image names leave out. annotated: where annotated
    images are written, under the names that `annotated_name` returns; None writes none. crops:
    where the objects of each image are written; None writes none.
    """

    folder: Broadcast[MemoryFolder]
    digest: str
    settings: Settings
    done: Accumulator[int]
    root: str
    annotated: str | None
    crops: str | None

    def __call__(self, images: Iterator[ReadImage]) -> Iterator[pa.RecordBatch]:
        """Yields rows of `SCHEMA`, in the order of the images."""
        model = load_once(
            ("detector", self.digest, self.settings),
            lambda: load_model(self.folder.value, self.settings),
        )
        return make_rows(
            images, SCHEMA, self.done, lambda path, data: self._make_row(path, data, model)
        )

    def _make_row(self, path: str, data: bytes, model: Model) -> dict[str, Any]:
        timings = Timings()
        result = process(data, model, self.settings, timings)
        detections = describe_detections(result.detections, model.labels)
        name = path.removeprefix(self.root)
        if self.crops is not None:
            with timings.stage("publish"):
                folder = open_output_folder(self.crops)
                write_crops(folder, result.image.pixels, detections, name=name, key=path)
        drawn = draw(result, model, self.settings, timings) if self.annotated is not None else None
        if self.annotated is not None and drawn is not None:
            with timings.stage("publish"):
                target = annotated_name(name, result.annotated_suffix)
                open_output_folder(self.annotated).write(target, drawn, result.media_type)
        return {
            "width": result.image.width,
            "height": result.image.height,
            "model": model.digest,
            "detections": detections,
            "milliseconds": round(sum(timings.milliseconds.values()), 1),
        }
