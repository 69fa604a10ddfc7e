"""Jobs of S3 Batch Operations, which invoke the function for existing objects; see `read_job`.

Keys are URL-encoded. Schema 1.0 names the bucket by its ARN, schema 2.0 by its name. The job's
object list may name versions; they are ignored, and the object that is under the key now is served.
The answer says for each task whether it succeeded, and S3 writes this into the job's report.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote_plus

from ..errors import EventError
from .answers import Outcome, Outcomes, Request, Verdict
from .image_ref import ImageRef, get, is_name, shorten

_SCHEMAS = ("1.0", "2.0")
_CODES = {
    Verdict.DONE: "Succeeded",
    Verdict.SKIPPED: "Succeeded",
    Verdict.FAILED: "PermanentFailure",
    Verdict.IGNORED: "PermanentFailure",  # a job that lists an object expects a result for it
    Verdict.UNSERVED: "TemporaryFailure",
}
_MAX_RESULT_LENGTH = 1024


def is_job(event: Any) -> bool:
    """Whether S3 Batch Operations sent the event."""
    return isinstance(event, dict) and {"invocationSchemaVersion", "tasks"} <= set(event)


def read_job(
    event: dict[str, Any],
) -> tuple[tuple[Request, ...], Callable[[Sequence[Outcomes]], dict[str, Any]]]:
    """Reads one request per task. A task without an object is refused; the others are served.

    Raises:
        EventError: the schema is unknown, or a task has no id, so that it cannot be answered.
    """
    schema, tasks = event["invocationSchemaVersion"], event["tasks"]
    if schema not in _SCHEMAS or not isinstance(tasks, list):
        raise EventError(
            f"a job of S3 Batch Operations must have an invocationSchemaVersion of "
            f"{' or '.join(_SCHEMAS)} and a list of tasks: {shorten(event)}"
        )
    requests = tuple(map(_read_task, tasks))

    def answer(outcomes: Sequence[Outcomes]) -> dict[str, Any]:
        return {
            "invocationSchemaVersion": schema,
            "treatMissingKeysAs": "PermanentFailure",
            "invocationId": event.get("invocationId"),
            "results": [
                _result(request, of_request)
                for request, of_request in zip(requests, outcomes, strict=True)
            ],
        }

    return requests, answer


def _read_task(task: Any) -> Request:
    task_id, key = get(task, "taskId"), get(task, "s3Key")
    if not is_name(task_id):
        raise EventError(f"a task of S3 Batch Operations without a taskId: {shorten(task)}")
    bucket = get(task, "s3Bucket") or str(get(task, "s3BucketArn") or "").rpartition(":")[2]
    if not (is_name(bucket) and is_name(key)):
        return Request(task_id, (), EventError(f"a task that names no object: {shorten(task)}"))
    return Request(task_id, (ImageRef(bucket, unquote_plus(key)),))


def _result(request: Request, outcomes: Outcomes) -> dict[str, str]:
    if request.refusal:
        code, text = "PermanentFailure", str(request.refusal)
    else:
        (outcome,) = outcomes
        code, text = _CODES[outcome.verdict], _describe(outcome)
    return {"taskId": request.id, "resultCode": code, "resultString": text[:_MAX_RESULT_LENGTH]}


def _describe(outcome: Outcome) -> str:
    word = outcome.verdict.value
    return f"{word}: {outcome.reason}" if outcome.reason else word
