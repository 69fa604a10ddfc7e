"""From an image's bytes to detections and an annotated image; start at `process` and `draw`.

The function, the command and the Spark jobs all call these, so that the same image has the same
result wherever it is processed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..models.loader import Model
from ..object_detection.annotate import annotate
from ..object_detection.detections import Detections
from ..object_detection.images import FORMATS, Image, decode_image, encode_image
from ..settings import BLUR, Settings
from ..telemetry.timings import Timings
from .time_limit import TimeLimit

if TYPE_CHECKING:
    from ..object_detection.slicing import Progress

# What follows the last slice takes at most so many times as long as decoding, and these seconds
_DECODE_TIMES, _SECONDS = 3, 0.5
_LAST = (0, 0)  # strengths for what is found at last, beside what was hidden
# Of the confidence, when an image is looked at again: encoding changes confidences a little
_WARY = 0.85


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


def process(
    data: bytes,
    model: Model,
    settings: Settings,
    timings: Timings,
    limit: TimeLimit | None = None,
) -> Result:
    """Decodes an image and finds the objects in it.

    `limit` is None where time is not limited.

    Raises:
        ImageError: the image cannot be processed.
        OutOfTimeError: its slices cannot end in the time that other images left.
    """
    with timings.stage("decode"):
        image = decode_image(data, max_pixels=settings.max_image_pixels)
    with timings.stage("infer"):
        reserve = _SECONDS + _DECODE_TIMES * timings.milliseconds["decode"] / 1000
        detections = find_objects(
            image.pixels, model, settings, settings.confidence, limit=limit, reserve=reserve
        )
    return Result(image, detections)


def draw(result: Result, model: Model, settings: Settings, timings: Timings) -> bytes | None:
    """Draws on the result's own pixels; returns the annotated image, or None for none.

    It has the format that the image came in, or is a JPEG if that format is only read. It is made
    of the pixels alone: nothing else of the image's file is in it.

    Raises:
        ImageError: the format cannot hold the image.
    """
    if not settings.draws_picture:
        return None
    pixels = result.image.pixels
    if settings.redacts:
        _hide(result, model, settings, timings)
    with timings.stage("draw"):
        if not settings.redacts:
            annotate(pixels, result.detections, model.labels, in_place=True)
        return encode_image(pixels, result.image.format)


def _hide(result: Result, model: Model, settings: Settings, timings: Timings) -> None:
    """Hides the objects, and looks again: what the network finds then is hidden more strongly.

    It may find the colours that an object left, or one that was not found beside a hidden one.
    """
    from ..object_detection.redact import STRENGTHS, redact

    pixels, boxes, smooth = result.image.pixels, result.detections.boxes, settings.draw == BLUR
    for cells in (*STRENGTHS, *_LAST):
        if not len(boxes):
            return
        with timings.stage("draw"):
            redact(pixels, boxes, smooth=smooth, cells=cells)
        with timings.stage("infer"):
            boxes = find_objects(pixels, model, settings, settings.confidence * _WARY).boxes
    with timings.stage("draw"):
        redact(pixels, boxes, smooth=smooth, cells=_LAST[-1])


def find_objects(
    pixels: NDArray[np.uint8],
    model: Model,
    settings: Settings,
    confidence: float,
    *,
    limit: TimeLimit | None = None,
    reserve: float = 0.0,
) -> Detections:
    """Finds objects in decoded pixels, in slices if `settings` say so.

    Args:
        pixels: `(H, W, 3)` uint8 BGR, upright.
        model: finds them.
        settings: those of the suppression and the slices.
        confidence: detections with this confidence or less are dropped.
        limit: None where time is not limited.
        reserve: the seconds that will be needed after the last slice.
    """
    detect = partial(
        model.detector.detect,
        confidence=confidence,
        nms=settings.nms,
        multi_label=settings.multi_label,
        class_ids=model.class_ids,
    )
    if settings.slice_side is None:
        return detect(pixels)
    from ..object_detection.slicing import Slicing, detect_in_slices

    slicing = Slicing.for_network(
        settings.slice_side,
        settings.slice_overlap,
        model.detector.preprocessing,
        model.detector.input_size,
    )
    height, width = pixels.shape[:2]

    def require_time(progress: Progress) -> None:
        if limit is not None:
            # Hidden objects are looked for once more
            again = (progress.slices + 1) * progress.seconds_a_pass if settings.redacts else 0.0
            limit.require(progress, slicing, (width, height), reserve + again)

    return detect_in_slices(detect, pixels, slicing, require_time)
