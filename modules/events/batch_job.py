"""Jobs of S3 Batch Operations, which invoke the function for existing objects; see `read_job`.

Keys are URL-encoded. Schema 1.0 names the bucket by its ARN, 2.0 by its name. A manifest may name
versions, too; it is what lies under the key now that has a result. The answer says for each task
whether it succeeded, and S3 writes that into the job's report.
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
    Verdict.IGNORED: "PermanentFailure",  # whoever lists it in a job expects a result
    Verdict.UNSERVED: "TemporaryFailure",
}
_RESULT_LENGTH = 1024


def is_job(event: Any) -> bool:
    """Whether S3 Batch Operations has sent an event."""
    return isinstance(event, dict) and {"invocationSchemaVersion", "tasks"} <= set(event)


def read_job(
    event: dict[str, Any],
) -> tuple[tuple[Request, ...], Callable[[Sequence[Outcomes]], dict[str, Any]]]:
    """One request a task; one that names no object is refused, and never costs the others.

    Raises:
        EventError: the schema is not known, or there is no way to answer.
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
                _result(request, several)
                for request, several in zip(requests, outcomes, strict=True)
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
    return {"taskId": request.id, "resultCode": code, "resultString": text[:_RESULT_LENGTH]}


def _describe(outcome: Outcome) -> str:
    word = outcome.verdict.value
    return f"{word}: {outcome.reason}" if outcome.reason else word
