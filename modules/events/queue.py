"""Messages of SQS, each with a document that names images; start at `read_batch`.

The answer names the messages that SQS must send again (`batchItemFailures`); SQS deletes the
others. For this, the event source mapping must have ReportBatchItemFailures.
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
    """Whether SQS sent the event."""
    records = get(event, "Records")
    return isinstance(records, list) and any(
        get(record, "eventSource") == "aws:sqs" for record in records
    )


def read_batch(
    event: dict[str, Any],
) -> tuple[tuple[Request, ...], Callable[[Sequence[Outcomes]], dict[str, Any]]]:
    """Reads one request per message. A message without images is refused; the others are served.

    Raises:
        EventError: a message has no id, so that it cannot be answered.
    """
    requests = tuple(map(_read_message, event["Records"]))

    def answer(outcomes: Sequence[Outcomes]) -> dict[str, Any]:
        failures = [
            {"itemIdentifier": request.id}
            for request, of_request in zip(requests, outcomes, strict=True)
            if request.refusal or any(one.verdict is Verdict.UNSERVED for one in of_request)
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
