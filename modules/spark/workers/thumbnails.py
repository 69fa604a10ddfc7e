"""The worker of `thumbnails`: images -> rows of pixels; see `ShrinkImages`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import pyarrow as pa

from ...object_detection.images import decode_image
from ..io.locations import label_of
from ..io.readers import ReadImage
from .rows import FIELDS, make_rows, use_one_thread

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
    """Shrinks images on a worker.

    size: (width, height) of a thumbnail, in pixels. max_pixels: of an image. done: counts finished
    images.
    """

    size: tuple[int, int]
    max_pixels: int
    done: Accumulator[int]

    def __call__(self, images: Iterator[ReadImage]) -> Iterator[pa.RecordBatch]:
        """Yields rows of `SCHEMA`, in the order of the images."""
        use_one_thread()
        return make_rows(images, SCHEMA, self.done, self._make_row)

    def _make_row(self, path: str, data: bytes) -> dict[str, Any]:
        image = decode_image(data, max_pixels=self.max_pixels)
        small = cv2.resize(image.pixels, self.size, interpolation=cv2.INTER_NEAREST)
        width, height = self.size
        pixels = cv2.cvtColor(small, cv2.COLOR_BGR2RGB).tobytes()
        return {"label": label_of(path), "width": width, "height": height, "pixels": pixels}
