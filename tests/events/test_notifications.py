import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import EventError
from modules.events import ImageRef
from modules.events.notifications import images_of
from tests.events.golden import load

HOSTILE = "input/summer 2026/my photo+1 é 100%.jpg"
# Keys that S3 accepts: up to 1,024 bytes of UTF-8
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=1024).filter(
    lambda key: len(key.encode()) <= 1024
)


def test_a_put_names_its_object() -> None:
    assert images_of(load("s3-put")) == (
        ImageRef("pictures", "input/dog.jpg", sequencer="0068F0C1A2B3C4D5E6"),
    )


def test_keys_are_decoded() -> None:
    (image,) = images_of(load("s3-put-encoded-key"))

    assert image.key == HOSTILE


def test_the_version_in_an_event_is_ignored() -> None:
    assert images_of(load("s3-put-versioned")) == images_of(load("s3-put"))


def test_every_created_object_is_named_in_order() -> None:
    assert [image.key for image in images_of(load("s3-many-records"))] == [
        "input/a.jpg",
        "input/b.png",
        "output/c.jpg",
    ]


def test_the_key_in_an_event_of_eventbridge_is_not_decoded() -> None:
    assert images_of(load("eventbridge-object-created")) == (
        ImageRef("pictures", HOSTILE, sequencer="0068F0C1A2B3C4D5E6"),
    )


def test_a_message_of_sns_is_read_like_the_notification_inside() -> None:
    assert images_of(load("sns-s3-put")) == images_of(load("s3-put-encoded-key"))


def test_an_image_can_be_named_by_hand() -> None:
    assert images_of(load("by-hand")) == (
        ImageRef(bucket="pictures", key="input/my photo+1 é 100%.jpg"),
    )


@pytest.mark.parametrize("name", ["s3-test-event", "s3-removed", "eventbridge-object-deleted"])
def test_events_without_a_new_object_name_no_images(name: str) -> None:
    assert images_of(load(name)) == ()


@given(KEYS, st.booleans())
def test_every_key_is_decoded_to_itself_from_every_source(key: str, is_slash_encoded: bool) -> None:
    record = load("s3-put")["Records"][0]
    record["s3"]["object"]["key"] = quote_plus(key) if is_slash_encoded else quote(key)
    bridged = load("eventbridge-object-created")
    bridged["detail"]["object"]["key"] = key
    by_hand = {"bucket": "pictures", "key": key}

    for event in ({"Records": [record]}, bridged, by_hand):
        (image,) = images_of(json.loads(json.dumps(event)))
        assert image.key == key


def test_a_sequencer_that_is_not_hexadecimal_is_ignored() -> None:
    event = load("s3-put")
    event["Records"][0]["s3"]["object"]["sequencer"] = "Happy Sequencer"

    assert images_of(event)[0].sequencer is None


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (load("scheduled"), "its keys are ['account', 'detail', 'detail-type'"),
        (load("sns-message"), 'a message of SNS that is not JSON: "hello"'),
        ({}, "its keys are []"),
        ([1, 2], "messages of SQS, a job of S3 Batch Operations, or"),
        ([1, 2], ": [1, 2]"),
        (None, ": null"),
        ({"Records": [7]}, "a record that is not of S3: 7"),
        ({"Records": [{"s3": {"bucket": {"name": "b"}, "object": {}}}]}, "a record that is not"),
        ({"Records": 7}, "its keys are ['Records']"),
        (
            {"source": "aws.s3", "detail-type": "Object Created"},
            "without the name of a bucket and a key",
        ),
        ({"bucket": "b", "key": ""}, "must be texts that are not empty"),
        ({"bucket": "b", "key": "k", "versoin": 1}, "its keys are ['bucket', 'key', 'versoin']"),
        ({"Type": "Notification"}, "a message of SNS that is not JSON: null"),
        ({"Type": "Notification", "Message": "[" * 100_000}, 'of SNS that is not JSON: "[[['),
    ],
)
def test_other_events_are_refused_and_the_message_shows_what_they_look_like(
    event: Any, message: str
) -> None:
    with pytest.raises(EventError) as error:
        images_of(event)

    assert message in str(error.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Records", "s3", "bucket", "object", "key", "name", "Sns", "Message", "Type"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_every_json_document_is_either_read_or_refused(document: Any) -> None:
    try:
        images = images_of(document)
    except EventError:
        return
    assert all(image.bucket and image.key for image in images)
