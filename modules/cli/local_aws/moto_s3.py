"""Makes moto's S3 keep two promises of S3; see `install`."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

from moto.s3 import notifications
from moto.s3.responses import S3Response

_IS_INSTALLED = "keeps_promises"


def install() -> None:
    """Has moto, in this process and for good, do two things as S3 does them.

    A conditional write looks and writes at once, what it writes is there with its metadata or not
    at all, and a listing is of one moment: moto's threads could come in between.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel

    Every event of an object has a sequencer, and that of a later event of the same key is greater.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    if hasattr(S3Response, _IS_INSTALLED):
        return
    lock = threading.RLock()
    get_s3_event = notifications._get_s3_event
    sequence = itertools.count(time.time_ns())

    def alone(respond: Any) -> Any:
        def respond_alone(self: Any, *arguments: Any, **options: Any) -> Any:
            with lock:
                return respond(self, *arguments, **options)

        return respond_alone

    def with_sequencer(*arguments: Any, **options: Any) -> Any:
        event = get_s3_event(*arguments, **options)
        event["Records"][0]["s3"]["object"]["sequencer"] = f"{next(sequence):018X}"
        return event

    S3Response.key_response = alone(S3Response.key_response)
    S3Response.bucket_response = alone(S3Response.bucket_response)
    notifications._get_s3_event = with_sequencer
    setattr(S3Response, _IS_INSTALLED, True)
