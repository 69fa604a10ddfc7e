"""Every event shape that names images -> `ImageRef` values; start at `images_of`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from .object_detection.errors import PermanentError


class EventError(PermanentError):
    """An event of a shape that names no images."""


@dataclass(frozen=True)
class ImageRef:
    """One object that an event speaks of.

    key: decoded. etag: without quotes. version_id: only where the bucket keeps versions.
    sequencer: orders the events of one key. size: bytes. What the event does not say is None.
    """

    bucket: str
    key: str
    etag: str | None = None
    version_id: str | None = None
    sequencer: str | None = None
    size: int | None = None


def images_of(event: Mapping[str, Any]) -> list[ImageRef]:
    """The objects that were created, in the event's order; none for an S3 test event.

    Raises:
        EventError: the event is not an S3 notification; the message says what it looked like.
    """
    if not isinstance(event, Mapping):
        raise EventError(f"not an S3 notification: {_shorten(event)}")
    if event.get("Event") == "s3:TestEvent":
        return []
    records = event.get("Records")
    if not isinstance(records, list):
        raise EventError(
            f"not an S3 notification, which has Records: its keys are {sorted(map(str, event))}"
        )
    return [
        _image_of_record(record)
        for record in records
        if not str(_get(record, "eventName")).startswith("ObjectRemoved")
    ]


def _image_of_record(record: Any) -> ImageRef:
    """Keys in S3 notifications are URL-encoded, with + for a space."""
    bucket, key = _get(record, "s3", "bucket", "name"), _get(record, "s3", "object", "key")
    if not (isinstance(bucket, str) and isinstance(key, str) and bucket and key):
        raise EventError(f"a record that is not S3's: {_shorten(record)}")
    about = record["s3"]["object"]
    return ImageRef(
        bucket=bucket,
        key=unquote_plus(key),
        etag=about.get("eTag"),
        version_id=about.get("versionId"),
        sequencer=about.get("sequencer"),
        size=about.get("size"),
    )


def _get(value: Any, *path: str) -> Any:
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _shorten(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 200 else text[:200] + "…"
