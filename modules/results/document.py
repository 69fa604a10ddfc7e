"""The documents that say what was found in an image, or why there is no result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import PermanentError
from ..models.loader import Model
from ..object_detection.detections import Detections
from ..settings import Settings
from ..telemetry.timings import Timings
from .pipeline import Result

SCHEMA = 1


@dataclass(frozen=True)
class Source:
    """Where an image's bytes came from; a local file has a key, its path as given, and no more."""

    key: str
    bucket: str | None = None
    etag: str | None = None
    version_id: str | None = None


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
