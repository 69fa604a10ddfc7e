from typing import Any

import pytest

from modules.errors import EventError
from modules.events import ImageRef, Outcome, Verdict, read_event
from tests.events.golden import load

TASK = "dGFza2lkZ29lc2hlcmUK"
INVOCATION = "YXNkbGZqYWRmaiBhc2RmdW9hZHNmZGpmaGFzbGtkaGZza2RmaAo"


def result(code: str, text: str) -> dict[str, str]:
    return {"taskId": TASK, "resultCode": code, "resultString": text}


def test_schema_1_has_the_arn_of_the_bucket_and_an_encoded_key() -> None:
    (request,) = read_event(load("s3-batch-1.0")).requests

    key = "input/summer 2026/my photo+1 é 100%.jpg"
    assert request.images == (ImageRef("pictures", key),)


def test_schema_2_has_the_name_of_the_bucket() -> None:
    (request,) = read_event(load("s3-batch-2.0")).requests

    assert request.images == (ImageRef("pictures", "input/dog.jpg"),)


@pytest.mark.parametrize("schema", ["1.0", "2.0"])
@pytest.mark.parametrize(
    ("outcome", "code", "text"),
    [
        (Outcome("k", Verdict.DONE), "Succeeded", "done"),
        (Outcome("k", Verdict.SKIPPED), "Succeeded", "skipped"),
        (Outcome("k", Verdict.FAILED, "cut off"), "PermanentFailure", "failed: cut off"),
        (Outcome("k", Verdict.IGNORED, "gone"), "PermanentFailure", "ignored: gone"),
        (Outcome("k", Verdict.UNSERVED, "slow"), "TemporaryFailure", "unserved: slow"),
    ],
)
def test_every_outcome_has_a_result_code_and_a_reason(
    schema: str, outcome: Outcome, code: str, text: str
) -> None:
    answer = read_event(load(f"s3-batch-{schema}")).answer([[outcome]])

    assert answer == {
        "invocationSchemaVersion": schema,
        "treatMissingKeysAs": "PermanentFailure",
        "invocationId": INVOCATION,
        "results": [result(code, text)],
    }


def test_a_task_without_an_object_is_refused_and_the_others_are_served() -> None:
    event = load("s3-batch-1.0")
    event["tasks"].append({"taskId": "second", "s3Key": "a.jpg"})

    invocation = read_event(event)
    answer = invocation.answer([[Outcome("k", Verdict.DONE)], []])

    assert [len(request.images) for request in invocation.requests] == [1, 0]
    assert [one["resultCode"] for one in answer["results"]] == ["Succeeded", "PermanentFailure"]
    assert "a task that names no object" in answer["results"][1]["resultString"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"invocationSchemaVersion": "3.0"}, "an invocationSchemaVersion of 1.0 or 2.0"),
        ({"tasks": {}}, "a list of tasks"),
        ({"tasks": [{"s3Key": "a.jpg"}]}, "a task of S3 Batch Operations without a taskId"),
    ],
)
def test_a_job_that_cannot_be_answered_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(EventError, match=message):
        read_event({**load("s3-batch-1.0"), **change})
