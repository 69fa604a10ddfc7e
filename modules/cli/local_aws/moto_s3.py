"""Corrects moto's S3 in three points in which it differs from S3; see `install`."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from moto.s3 import notifications
from moto.s3.models import Notification
from moto.s3.responses import S3Response

_IS_INSTALLED = "is_corrected"


def encode_filter(prefix: str) -> str:
    """Encodes a prefix as S3 expects it in the filter of a notification.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
    """
    return quote_plus(prefix, safe="/")


def install() -> None:
    """Patches moto for the lifetime of this process. A second call changes nothing.

    Requests run one at a time. In moto, another thread could change the bucket in the middle of a
    request. In S3, a conditional write checks and writes in one step, an object appears together
    with its metadata, and a listing shows the bucket at one moment.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel

    Every event of an object has a sequencer, and a later event of the same key has a greater one.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html

    The filters of notifications are URL-encoded, with + for a space; see `encode_filter`.
    """
    if hasattr(S3Response, _IS_INSTALLED):
        return
    lock = threading.RLock()
    get_s3_event = notifications._get_s3_event
    sequence = itertools.count(time.time_ns())

    def one_at_a_time(respond: Any) -> Any:
        def respond_with_lock(self: Any, *arguments: Any, **options: Any) -> Any:
            with lock:
                return respond(self, *arguments, **options)

        return respond_with_lock

    def with_sequencer(*arguments: Any, **options: Any) -> Any:
        event = get_s3_event(*arguments, **options)
        event["Records"][0]["s3"]["object"]["sequencer"] = f"{next(sequence):018X}"
        return event

    def key_matches(self: Notification, key: str) -> bool:
        rules = self.filters.get("S3Key", {}).get("FilterRule", [])
        values = {rule["Name"].lower(): unquote_plus(rule["Value"]) for rule in rules}
        return key.startswith(values.get("prefix", "")) and key.endswith(values.get("suffix", ""))

    Notification._key_matches = key_matches
    S3Response.key_response = one_at_a_time(S3Response.key_response)
    S3Response.bucket_response = one_at_a_time(S3Response.bucket_response)
    notifications._get_s3_event = with_sequencer
    setattr(S3Response, _IS_INSTALLED, True)
