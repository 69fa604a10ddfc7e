"""One image's way through: bytes -> annotated bytes and result document; start at `process`.

The function, the command and the jobs all call this, so that the same image gives the same result
wherever it is processed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .model_loader import Model
from .object_detection.annotate import annotate
from .object_detection.detector import Detections
from .object_detection.errors import PermanentError
from .object_detection.image import FORMATS, Image, decode_image, encode_image
from .settings import Settings
from .tracing import Span

SCHEMA = 1


@dataclass(frozen=True)
class Source:
    """Where an image's bytes came from; a local file has a key, its path as given, and no more."""

    key: str
    bucket: str | None = None
    etag: str | None = None
    version_id: str | None = None


@dataclass
class Timings:
    """Milliseconds by stage, and when each was."""

    milliseconds: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("fetch", "decode", "infer", "draw", "publish"), 0.0)
    )
    spans: list[Span] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the time inside towards a stage."""
        began_at, start = time.time(), time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            self.milliseconds[name] += seconds * 1000
            self.spans.append(Span(name, began_at, seconds))

    def rounded(self) -> dict[str, float]:
        """As the document has them."""
        return {name: round(value, 1) for name, value in self.milliseconds.items()}


@dataclass(frozen=True)
class Result:
    """What was found in one image."""

    image: Image
    detections: Detections

    @property
    def media_type(self) -> str:
        """The annotated image's."""
        return FORMATS[self.image.format].media_type


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
            class_ids=model.class_ids,
        )
    return Result(image, detections)


def draw(result: Result, model: Model, timings: Timings) -> bytes:
    """The annotated image, in the format that the image came in; the result's pixels are drawn on.

    Raises:
        ImageError: the format cannot hold it.
    """
    with timings.stage("draw"):
        pixels = annotate(result.image.pixels, result.detections, model.labels, in_place=True)
        return encode_image(pixels, result.image.format)


def describe_result(
    source: Source, size: int, result: Result, model: Model, settings: Settings, timings: Timings
) -> dict[str, Any]:
    """The result document, schema 1. `size` is the image file's, in bytes."""
    return {
        "schema": SCHEMA,
        "image": {
            **_describe_source(source),
            "width": result.image.width,
            "height": result.image.height,
            "bytes": size,
        },
        "model": {
            "name": model.name,
            "digest": model.digest,
            "input": list(model.detector.input_size),
        },
        "settings": {"confidence": settings.confidence, "nms": settings.nms},
        "detections": describe_detections(result.detections, model.labels),
        "timings_ms": timings.rounded(),
    }


def describe_failure(source: Source, size: int | None, error: PermanentError) -> dict[str, Any]:
    """The failure document, schema 1: why an image has no result."""
    return {
        "schema": SCHEMA,
        "image": {**_describe_source(source), "bytes": size},
        "error": {"kind": "permanent", "type": type(error).__name__, "message": str(error)},
    }


def too_many_bytes(size: int, most: int) -> str:
    """Why an image of `size` bytes is not read."""
    return f"{size:,} bytes are too many; at most {most:,} are allowed (MAX_IMAGE_BYTES)"


def _describe_source(source: Source) -> dict[str, Any]:
    return {
        "bucket": source.bucket,
        "key": source.key,
        "etag": source.etag,
        "version_id": source.version_id,
    }


def describe_detections(detections: Detections, labels: tuple[str, ...]) -> list[dict[str, Any]]:
    """The detections as the document has them."""
    described = []
    rows = zip(
        detections.class_ids.tolist(),
        detections.confidences.tolist(),
        detections.boxes.tolist(),
        strict=True,
    )
    for class_id, confidence, (left, top, right, bottom) in rows:
        # corners are rounded, not sizes, so that a box inside the image stays inside it
        left, top, right, bottom = (round(side, 2) for side in (left, top, right, bottom))
        described.append(
            {
                "class_id": class_id,
                "label": labels[class_id],
                "confidence": round(confidence, 4),
                "box": {
                    "x": left,
                    "y": top,
                    "width": round(right - left, 2),
                    "height": round(bottom - top, 2),
                },
            }
        )
    return described
