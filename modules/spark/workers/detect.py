"""What `detect` does on a worker: batches of images -> rows of detections; see `DetectImages`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...models.loader import Model, load_model
from ...results.document import describe_detections
from ...results.pipeline import draw, process
from ...settings import Settings
from ...telemetry.timings import Timings
from ..io.model_files import MemoryFolder
from ..io.picture_folder import picture_folder
from ..jobs.rounds import FIELDS
from .rows import keep, rows_of

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
    """Detects on a worker; the model is loaded there once.

    digest: the model's, which tells it from others in the life of a worker. root: what images'
    names are told from. pictures: where annotated images go, by their names; None for nowhere.
    """

    folder: Broadcast[MemoryFolder]
    digest: str
    settings: Settings
    done: Accumulator[int]
    root: str
    pictures: str | None

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `SCHEMA`, in the order of the images."""
        model = keep(
            ("detector", self.digest, self.settings),
            lambda: load_model(self.folder.value, self.settings),
        )
        return rows_of(batches, SCHEMA, self.done, lambda path, data: self._row(path, data, model))

    def _row(self, path: str, data: bytes, model: Model) -> dict[str, Any]:
        timings = Timings()
        result = process(data, model, self.settings, timings)
        if self.pictures is not None:
            annotated = draw(result, model, timings)
            with timings.stage("publish"):
                name = path.removeprefix(self.root)
                picture_folder(self.pictures).write(name, annotated, result.media_type)
        return {
            "width": result.image.width,
            "height": result.image.height,
            "model": model.digest,
            "detections": describe_detections(result.detections, model.labels),
            "milliseconds": round(sum(timings.milliseconds.values()), 1),
        }
