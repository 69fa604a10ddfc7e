import pytest

from modules.errors import TransientError
from modules.events import Outcome, Verdict, read_event
from tests.events.golden import load


def test_a_notification_is_answered_with_a_report() -> None:
    verdicts = (Verdict.DONE, Verdict.SKIPPED, Verdict.FAILED, Verdict.IGNORED)
    outcomes = [Outcome(f"input/{verdict.value}.jpg", verdict) for verdict in verdicts]

    assert read_event(load("s3-many-records")).answer([outcomes]) == {
        "done": ["input/done.jpg"],
        "skipped": ["input/skipped.jpg"],
        "failed": ["input/failed.jpg"],
        "ignored": ["input/ignored.jpg"],
    }


def test_unserved_images_are_named_in_an_error_so_that_lambda_retries() -> None:
    outcomes = [
        Outcome("input/a.jpg", Verdict.DONE),
        Outcome("input/b.jpg", Verdict.UNSERVED, "S3 is slow"),
        Outcome("input/c.jpg", Verdict.UNSERVED, "not started"),
    ]

    with pytest.raises(TransientError) as error:
        read_event(load("s3-many-records")).answer([outcomes])

    assert str(error.value) == "input/b.jpg: S3 is slow; input/c.jpg: not started"


@pytest.mark.parametrize(
    "name", ["s3-put", "eventbridge-object-created", "by-hand", "s3-batch-2.0", "sns-s3-put"]
)
def test_every_kind_of_event_can_force_results_to_be_made_again(name: str) -> None:
    event = load(name)

    assert not read_event(event).is_forced
    assert read_event({**event, "force": True}).is_forced
    assert not read_event({**event, "force": "no"}).is_forced
