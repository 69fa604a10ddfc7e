"""From an image's bytes to detections and an annotated image; start at `process` and `draw`.

The function, the command and the Spark jobs all call these, so that the same image has the same
result wherever it is processed.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..models.loader import Model
from ..object_detection.annotate import annotate
from ..object_detection.detections import Detections
from ..object_detection.images import FORMATS, Image, decode_image, encode_image
from ..settings import Settings
from ..telemetry.timings import Timings


@dataclass(frozen=True)
class Result:
    """A decoded image, and the objects that were found in it."""

    image: Image
    detections: Detections

    @property
    def media_type(self) -> str:
        """The media type of the annotated image."""
        return FORMATS[self.image.format].media_type

    @property
    def annotated_suffix(self) -> str:
        """What is added to the image's key, path or name for those of the annotated image."""
        return FORMATS[self.image.format].annotated_suffix


def process(data: bytes, model: Model, settings: Settings, timings: Timings) -> Result:
    """Decodes an image and finds the objects in it.

    Raises:
        ImageError: the image cannot be processed.
    """
    with timings.stage("decode"):
        image = decode_image(data, max_pixels=settings.max_image_pixels)
    with timings.stage("infer"):
        detections = model.detector.detect(
            image.pixels,
            confidence=settings.confidence,
            nms=settings.nms,
            multi_label=settings.multi_label,
            class_ids=model.class_ids,
        )
    return Result(image, detections)


def draw(result: Result, model: Model, timings: Timings) -> bytes:
    """Draws on the result's own pixels; returns the annotated image.

    It has the format that the image came in, or is a JPEG if that format is only read.

    Raises:
        ImageError: the format cannot hold the image.
    """
    with timings.stage("draw"):
        pixels = annotate(result.image.pixels, result.detections, model.labels, in_place=True)
        return encode_image(pixels, result.image.format)
