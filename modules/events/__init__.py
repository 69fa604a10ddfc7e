"""Every event shape that names images -> requests, and how each shape is answered.

Start at `read_event`. `notifications.py` knows what names images, `queue.py` and `batch_job.py` the
two services that send several at once and want an answer for each, `answers.py` what an outcome is.

Powertools for AWS Lambda has classes for these shapes, too. They are not used here: importing them
takes 20 ms of every cold start, its EventBridge class decodes keys that are not encoded, and its
answer to a job of S3 Batch Operations holds one task only.
"""

from __future__ import annotations

from typing import Any

from ..errors import EventError
from . import batch_job, queue
from .answers import Invocation, Outcome, Report, Request, Verdict
from .image_ref import ImageRef
from .notifications import images_of

__all__ = ["EventError", "ImageRef", "Invocation", "Outcome", "Request", "Verdict", "read_event"]


def read_event(event: Any) -> Invocation:
    """What an event asks for: its requests, how they are answered, and whether it says `force`.

    Raises:
        EventError: the event is of no shape that is known; the message says what it looked like.
    """
    is_forced = isinstance(event, dict) and event.get("force") is True
    if queue.is_batch(event):
        requests, answer = queue.read_batch(event)
    elif batch_job.is_job(event):
        requests, answer = batch_job.read_job(event)
    else:
        requests, answer = (Request("", images_of(event)),), Report.of
    return Invocation(requests, answer, is_forced)
