"""The JSON documents, schema 1; start at `describe_result` and `describe_failure`.

The function, the command and the Spark jobs all make their documents here. docs/results.md explains
the fields.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import PermanentError
from ..settings import Settings

if TYPE_CHECKING:
    from ..models.loader import Model
    from ..object_detection.detections import Detections
    from ..telemetry.timings import Timings
    from .pipeline import Result

_SCHEMA = 1


@dataclass(frozen=True)
class Source:
    """Where an image's bytes came from.

    A local file has only a key: its path as it was given. An image in an HTTP request has only the
    name that the request gives it, if any.
    """

    key: str | None
    bucket: str | None = None
    etag: str | None = None
    version_id: str | None = None


@dataclass(frozen=True)
class ModelSummary:
    """What a document says about the model. input_size: (width, height), pixels."""

    name: str
    digest: str
    input_size: tuple[int, int]


@dataclass(frozen=True)
class FailureRecord:
    """What a failure document says. kind: the name of the error's class."""

    key: str
    kind: str
    message: str


def describe_result(
    source: Source,
    size: int,
    result: Result,
    model: Model,
    settings: Settings,
    timings: Timings,
    *,
    annotated_key: str | None,
) -> dict[str, Any]:
    """Returns the document of a result.

    `size` is the image file's, in bytes. `annotated_key` is the annotated image's; None if nothing
    is drawn.
    """
    return result_document(
        source,
        size=size,
        width=result.image.width,
        height=result.image.height,
        model=ModelSummary(model.name, model.digest, model.detector.input_size),
        settings=settings,
        detections=describe_detections(result.detections, model.labels),
        timings_ms=timings.rounded(),
        annotated=(
            {"key": annotated_key, "media_type": result.media_type} if annotated_key else None
        ),
    )


def result_document(
    source: Source,
    *,
    size: int,
    width: int,
    height: int,
    model: ModelSummary,
    settings: Settings,
    detections: list[dict[str, Any]],
    timings_ms: dict[str, float],
    annotated: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Returns the document of a result from its parts.

    Args:
        source: the image.
        size: the image file's, in bytes.
        width: of the upright image, in pixels.
        height: likewise.
        model: the model that found the detections.
        settings: those of the detections.
        detections: as `describe_detections` returns them.
        timings_ms: milliseconds by stage.
        annotated: key and media type of the annotated image; None if nothing is drawn.
    """
    return {
        "schema": _SCHEMA,
        "image": {**_describe_source(source), "width": width, "height": height, "bytes": size},
        "annotated": annotated,
        "model": {"name": model.name, "digest": model.digest, "input": list(model.input_size)},
        "settings": settings.described(),
        "detections": detections,
        "timings_ms": timings_ms,
    }


def describe_detections(detections: Detections, labels: tuple[str, ...]) -> list[dict[str, Any]]:
    """Returns the detections as they are in the document; boxes as x, y, width, height."""
    described = []
    rows = zip(
        detections.class_ids.tolist(),
        detections.confidences.tolist(),
        detections.boxes.tolist(),
        strict=True,
    )
    for class_id, confidence, (left, top, right, bottom) in rows:
        # Corners are rounded, not sizes, so that a box inside the image stays inside it
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


def describe_failure(source: Source, size: int | None, error: PermanentError) -> dict[str, Any]:
    """Returns the document that says why an image has no result.

    `size` is the image file's, in bytes; None if the image was not read.
    """
    return {
        "schema": _SCHEMA,
        "image": {**_describe_source(source), "bytes": size},
        "error": {"kind": "permanent", "type": type(error).__name__, "message": str(error)},
    }


def read_failure(data: bytes) -> FailureRecord | None:
    """Reads a failure document; returns None if `data` are something else."""
    try:
        document = json.loads(data)
        error = document["error"]
        return FailureRecord(
            str(document["image"]["key"]), str(error["type"]), str(error["message"])
        )
    except (ValueError, LookupError, TypeError):
        return None


def to_json(document: dict[str, Any]) -> bytes:
    """Encodes a document as it is stored: UTF-8, one field per line."""
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def too_many_bytes(size: int, most: int) -> str:
    """Returns the message for an image of `size` bytes, of which at most `most` are allowed."""
    return f"{size:,} bytes are too many; at most {most:,} are allowed (MAX_IMAGE_BYTES)"


def _describe_source(source: Source) -> dict[str, Any]:
    return {
        "bucket": source.bucket,
        "key": source.key,
        "etag": source.etag,
        "version_id": source.version_id,
    }
