"""What `thumbnails` does on a worker: batches of images -> rows of pixels; see `ShrinkImages`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import pyarrow as pa

from ...object_detection.images import decode_image
from ..io.images import label
from ..jobs.rounds import FIELDS
from .rows import rows_of

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator

SCHEMA = pa.schema(
    [
        *FIELDS,
        ("label", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("pixels", pa.binary()),
    ]
)


@dataclass(frozen=True)
class ShrinkImages:
    """Shrinks on a worker; `size` is (width, height)."""

    size: tuple[int, int]
    max_pixels: int
    done: Accumulator[int]

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `SCHEMA`, in the order of the images."""
        cv2.setNumThreads(1)  # a worker has a core; so do its neighbours
        return rows_of(batches, SCHEMA, self.done, self._row)

    def _row(self, path: str, data: bytes) -> dict[str, Any]:
        image = decode_image(data, max_pixels=self.max_pixels)
        small = cv2.resize(image.pixels, self.size, interpolation=cv2.INTER_NEAREST)
        width, height = self.size
        pixels = cv2.cvtColor(small, cv2.COLOR_BGR2RGB).tobytes()
        return {"label": label(path), "width": width, "height": height, "pixels": pixels}
