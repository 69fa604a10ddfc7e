from typing import Any

import pytest

from modules.errors import EventError
from modules.events import Outcome, Verdict, read_event
from tests.events.golden import load

DONE = Outcome("any", Verdict.DONE)
UNSERVED = Outcome("any", Verdict.UNSERVED, "S3 is slow")


def message_id(number: int) -> str:
    return f"059f36b4-87a3-44ab-83d2-66197597000{number}"


def test_each_message_is_read_like_the_document_inside() -> None:
    requests = read_event(load("sqs-every-kind-of-message")).requests

    assert [request.id for request in requests] == [message_id(number) for number in range(1, 8)]
    assert [[image.key for image in request.images] for request in requests] == [
        ["input/dog.jpg"],
        ["input/a.jpg", "input/b.png", "output/c.jpg"],
        ["input/summer 2026/my photo+1 é 100%.jpg"],
        [],  # the test event of a new notification
        ["input/dog.jpg"],  # inside a message of SNS
        [],
        [],
    ]


def test_a_message_that_is_nested_too_deeply_is_refused_and_the_others_are_read() -> None:
    event = load("sqs-every-kind-of-message")
    event["Records"][0]["body"] = "[" * 100_000

    requests = read_event(event).requests

    assert "a body that is not JSON" in str(requests[0].refusal)
    assert requests[1].images


def test_messages_without_images_are_refused_and_the_others_are_read() -> None:
    requests = read_event(load("sqs-every-kind-of-message")).requests

    refusals = [str(request.refusal) for request in requests if request.refusal]
    assert [bool(request.refusal) for request in requests] == [False] * 5 + [True] * 2
    assert refusals[0] == 'a body that is not JSON: "hello"'
    assert "its keys are ['hello']" in refusals[1]


@pytest.mark.parametrize("verdict", [Verdict.DONE, Verdict.SKIPPED, Verdict.FAILED])
def test_served_messages_are_not_sent_again(verdict: Verdict) -> None:
    event = load("sqs-every-kind-of-message")
    event["Records"] = event["Records"][:2]
    outcome = Outcome("any", verdict)

    answer = read_event(event).answer([[outcome], [outcome, outcome, outcome]])

    assert answer == {"batchItemFailures": []}


def test_messages_with_an_unserved_image_and_refused_messages_are_sent_again() -> None:
    invocation = read_event(load("sqs-every-kind-of-message"))

    answer = invocation.answer([[DONE], [DONE, UNSERVED, DONE], [DONE], [], [UNSERVED], [], []])

    assert answer == {
        "batchItemFailures": [{"itemIdentifier": message_id(number)} for number in (2, 5, 6, 7)]
    }


@pytest.mark.parametrize("message", [{"eventSource": "aws:sqs", "body": "{}"}])
def test_an_event_is_refused_if_a_message_has_no_id(message: Any) -> None:
    with pytest.raises(EventError, match="a message of SQS without a messageId"):
        read_event({"Records": [message]})
