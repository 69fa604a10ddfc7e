"""Messages of SQS, each holding a document that names images; start at `read_batch`.

The answer names the messages that are to come again (`batchItemFailures`); SQS deletes the others.
The event source mapping must ask for it, with ReportBatchItemFailures.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import EventError
from .answers import Outcomes, Request, Verdict
from .image_ref import get, is_name, shorten
from .notifications import images_of


def is_batch(event: Any) -> bool:
    """Whether SQS has sent an event."""
    records = get(event, "Records")
    return isinstance(records, list) and any(
        get(record, "eventSource") == "aws:sqs" for record in records
    )


def read_batch(
    event: dict[str, Any],
) -> tuple[tuple[Request, ...], Callable[[Sequence[Outcomes]], dict[str, Any]]]:
    """One request a message; one that names no images is refused, and never costs the others.

    Raises:
        EventError: a message has no id, so that there is no way to answer.
    """
    requests = tuple(map(_read_message, event["Records"]))

    def answer(outcomes: Sequence[Outcomes]) -> dict[str, Any]:
        failures = [
            {"itemIdentifier": request.id}
            for request, several in zip(requests, outcomes, strict=True)
            if request.refusal or any(one.verdict is Verdict.UNSERVED for one in several)
        ]
        return {"batchItemFailures": failures}

    return requests, answer


def _read_message(message: Any) -> Request:
    message_id = get(message, "messageId")
    if not is_name(message_id):
        raise EventError(f"a message of SQS without a messageId: {shorten(message)}")
    body = get(message, "body")
    try:
        return Request(message_id, images_of(json.loads(body)))
    except EventError as error:
        return Request(message_id, (), error)
    except (TypeError, ValueError, RecursionError):
        return Request(message_id, (), EventError(f"a body that is not JSON: {shorten(body)}"))
