import json
from pathlib import Path
from typing import Any

import pytest

from modules.events import EventError, ImageRef, images_of

EVENTS = Path(__file__).parent / "events"


def load(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


def test_a_put_names_its_object() -> None:
    assert images_of(load("s3-put")) == [
        ImageRef(
            bucket="pictures",
            key="input/dog.jpg",
            etag="6cd6b8a17bd6bd3b6d2dd9b8ebf3b8b1",
            version_id=None,
            sequencer="0068F0C1A2B3C4D5E6",
            size=163759,
        )
    ]


def test_keys_are_decoded() -> None:
    (image,) = images_of(load("s3-put-encoded-key"))

    assert image.key == "input/summer 2026/my photo+1 é 100%.jpg"


def test_a_bucket_with_versions_names_the_version() -> None:
    (image,) = images_of(load("s3-put-versioned"))

    assert image.version_id == "096fKKXTRTtl3on89fVO.nfljtsv6qko"


def test_every_record_that_creates_an_object_counts_in_order() -> None:
    assert [image.key for image in images_of(load("s3-many-records"))] == [
        "input/a.jpg",
        "input/b.png",
        "output/c.jpg",
    ]


def test_the_test_event_of_a_new_notification_names_nothing() -> None:
    assert images_of(load("s3-test-event")) == []


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (load("scheduled"), "its keys are ['account', 'detail', 'detail-type'"),
        (load("sns-message"), 'a record that is not S3\'s: {"EventSource": "aws:sns"'),
        ({}, "its keys are []"),
        ([1, 2], "not an S3 notification: [1, 2]"),
        (None, "not an S3 notification: null"),
        ({"Records": [7]}, "a record that is not S3's: 7"),
        ({"Records": [{"s3": {"bucket": {"name": "b"}, "object": {}}}]}, "a record that is not"),
    ],
)
def test_any_other_event_is_refused_with_what_it_looked_like(event: Any, message: str) -> None:
    with pytest.raises(EventError) as error:
        images_of(event)

    assert message in str(error.value)
