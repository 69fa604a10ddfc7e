"""Reads the documents that name images; start at `images_of`.

These are the notifications of S3 and of EventBridge, either of them inside a message of SNS, and an
image named by hand: `{"bucket": "pictures", "key": "input/a.jpg"}`.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote_plus

from ..errors import EventError
from .image_ref import ImageRef, get, is_name, shorten

_BY_HAND = {"bucket", "key", "force"}
_KNOWN = (
    "an S3 notification (which has Records), an EventBridge event of S3, messages of SQS, a job of "
    'S3 Batch Operations, or {"bucket": ..., "key": ...}'
)


def images_of(document: Any) -> tuple[ImageRef, ...]:
    """Returns the objects that were created, in the document's order; none for a test event.

    Raises:
        EventError: the document has no known shape; the message shows what it looks like.
    """
    if not isinstance(document, dict):
        raise EventError(f"not {_KNOWN}: {shorten(document)}")
    if document.get("Event") == "s3:TestEvent":
        return ()
    if document.get("source") == "aws.s3":
        return _of_event_bridge(document)
    if document.get("Type") == "Notification":
        return images_of(_open(document.get("Message")))
    if isinstance(document.get("Records"), list):
        return tuple(ref for record in document["Records"] for ref in _of_record(record))
    if {"bucket", "key"} <= set(document) <= _BY_HAND:
        return (_by_hand(document),)
    raise EventError(f"not {_KNOWN}: its keys are {sorted(map(str, document))}")


def _of_record(record: Any) -> tuple[ImageRef, ...]:
    """Reads a record of an S3 notification: its key is URL-encoded, with + for a space."""
    if get(record, "EventSource") == "aws:sns":
        return images_of(_open(get(record, "Sns", "Message")))
    bucket, key = get(record, "s3", "bucket", "name"), get(record, "s3", "object", "key")
    if not (is_name(bucket) and is_name(key)):
        raise EventError(f"a record that is not of S3: {shorten(record)}")
    if not _is_created(record.get("eventName")):
        return ()
    return (ImageRef(bucket, unquote_plus(key), _sequencer(record["s3"]["object"])),)


def _of_event_bridge(event: dict[str, Any]) -> tuple[ImageRef, ...]:
    """Reads an event of EventBridge: its key is not encoded."""
    if event.get("detail-type") != "Object Created":
        return ()
    bucket, key = get(event, "detail", "bucket", "name"), get(event, "detail", "object", "key")
    if not (is_name(bucket) and is_name(key)):
        raise EventError(f"an event of S3 without the name of a bucket and a key: {shorten(event)}")
    return (ImageRef(bucket, key, _sequencer(event["detail"]["object"])),)


def _by_hand(document: dict[str, Any]) -> ImageRef:
    if not (is_name(document["bucket"]) and is_name(document["key"])):
        raise EventError(f"bucket and key must be texts that are not empty: {shorten(document)}")
    return ImageRef(document["bucket"], document["key"])


def _is_created(event_name: Any) -> bool:
    """Whether the event is about a new object; an event without a name was written by hand."""
    return event_name is None or str(event_name).removeprefix("s3:").startswith("ObjectCreated")


def _sequencer(about: Any) -> str | None:
    value = get(about, "sequencer")
    return value if isinstance(value, str) and re.fullmatch(r"[0-9A-Fa-f]{1,64}", value) else None


def _open(message: Any) -> Any:
    """Returns the document inside a message of SNS."""
    try:
        return json.loads(message)
    except (TypeError, ValueError, RecursionError):
        raise EventError(f"a message of SNS that is not JSON: {shorten(message)}") from None
