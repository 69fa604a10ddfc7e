"""Reads events that name images, and makes the answers that their senders expect.

Start at `read_event`. `notifications.py` reads the documents that name images. `queue.py` and
`batch_job.py` read the events of the two services that send several requests at once and expect an
answer for each. `answers.py` has the outcomes. `http_request.py` reads the requests to a function
URL, which have answers of their own.

Powertools for AWS Lambda has classes for these events, too. They are not used here: importing them
takes 20 ms of every cold start, its EventBridge class decodes keys that are not encoded, and its
answer to a job of S3 Batch Operations has room for only one task.
"""

from __future__ import annotations

from typing import Any

from ..errors import EventError
from . import batch_job, queue
from .answers import Invocation, Outcome, Report, Request, Verdict
from .image_ref import ImageRef, get
from .notifications import images_of

__all__ = [
    "EventError",
    "ImageRef",
    "Invocation",
    "Outcome",
    "Request",
    "Verdict",
    "is_http",
    "read_event",
]


def is_http(event: Any) -> bool:
    """Whether a function URL sent the event; `http_request.read_request` reads such an event."""
    return get(event, "requestContext", "http") is not None


def read_event(event: Any) -> Invocation:
    """Reads an event: its requests, how to answer them, and whether it has `"force": true`.

    Raises:
        EventError: the event has no known shape; the message shows what it looks like.
    """
    is_forced = isinstance(event, dict) and event.get("force") is True
    if queue.is_batch(event):
        requests, answer = queue.read_batch(event)
    elif batch_job.is_job(event):
        requests, answer = batch_job.read_job(event)
    else:
        requests, answer = (Request("", images_of(event)),), Report.of
    return Invocation(requests, answer, is_forced)
