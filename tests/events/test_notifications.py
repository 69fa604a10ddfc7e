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
# What S3 takes for a key: up to 1,024 bytes of UTF-8
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


def test_a_version_makes_no_difference_as_it_is_the_latest_that_is_read() -> None:
    assert images_of(load("s3-put-versioned")) == images_of(load("s3-put"))


def test_every_record_that_creates_an_object_counts_in_order() -> None:
    assert [image.key for image in images_of(load("s3-many-records"))] == [
        "input/a.jpg",
        "input/b.png",
        "output/c.jpg",
    ]


def test_event_bridge_names_its_object_by_a_key_that_is_not_encoded() -> None:
    assert images_of(load("eventbridge-object-created")) == (
        ImageRef("pictures", HOSTILE, sequencer="0068F0C1A2B3C4D5E6"),
    )


def test_a_message_of_sns_is_what_is_in_it() -> None:
    assert images_of(load("sns-s3-put")) == images_of(load("s3-put-encoded-key"))


def test_an_image_is_named_by_hand_by_bucket_and_key() -> None:
    assert images_of(load("by-hand")) == (
        ImageRef(bucket="pictures", key="input/my photo+1 é 100%.jpg"),
    )


@pytest.mark.parametrize("name", ["s3-test-event", "s3-removed", "eventbridge-object-deleted"])
def test_what_tells_of_no_new_object_names_nothing(name: str) -> None:
    assert images_of(load(name)) == ()


@given(KEYS, st.booleans())
def test_any_key_arrives_as_it_is_by_whichever_way(key: str, is_slash_encoded: bool) -> None:
    record = load("s3-put")["Records"][0]
    record["s3"]["object"]["key"] = quote_plus(key) if is_slash_encoded else quote(key)
    bridged = load("eventbridge-object-created")
    bridged["detail"]["object"]["key"] = key
    by_hand = {"bucket": "pictures", "key": key}

    for event in ({"Records": [record]}, bridged, by_hand):
        (image,) = images_of(json.loads(json.dumps(event)))
        assert image.key == key


def test_a_sequencer_that_is_no_hexadecimal_number_orders_nothing() -> None:
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
        ({"Records": [7]}, "a record that is not S3's: 7"),
        ({"Records": [{"s3": {"bucket": {"name": "b"}, "object": {}}}]}, "a record that is not"),
        ({"Records": 7}, "its keys are ['Records']"),
        (
            {"source": "aws.s3", "detail-type": "Object Created"},
            "without a bucket's name and a key",
        ),
        ({"bucket": "b", "key": ""}, "must be texts that are not empty"),
        ({"bucket": "b", "key": "k", "versoin": 1}, "its keys are ['bucket', 'key', 'versoin']"),
        ({"Type": "Notification"}, "a message of SNS that is not JSON: null"),
        ({"Type": "Notification", "Message": "[" * 100_000}, 'of SNS that is not JSON: "[[['),
    ],
)
def test_any_other_event_is_refused_with_what_it_looked_like(event: Any, message: str) -> None:
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
def test_no_document_is_anything_but_read_or_refused(document: Any) -> None:
    try:
        images = images_of(document)
    except EventError:
        return
    assert all(image.bucket and image.key for image in images)
