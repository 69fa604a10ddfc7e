from collections.abc import Callable
from typing import Any

import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import ObjectChangedError, ObjectGoneError
from modules.storage.bucket import Bucket
from modules.storage.client import create_client
from modules.storage.function_client import FunctionClient


@pytest.fixture(params=[create_client, FunctionClient])
def objects(bucket: LocalBucket, request: pytest.FixtureRequest) -> Bucket:
    """The objects of the local bucket, by the client of the commands and by the function's."""
    make: Callable[[], Any] = request.param
    return Bucket(make())


def put(objects: Bucket, data: bytes, if_match: str | None) -> str:
    return objects.put(BUCKET, "a", data, "text/plain", metadata={"stamp": "x"}, if_match=if_match)


def test_a_written_object_has_its_bytes_and_metadata(objects: Bucket) -> None:
    etag = put(objects, b"one", None)

    image = objects.read(BUCKET, "a", max_bytes=3)
    head = objects.head(BUCKET, "a")
    assert (image.data, image.size, image.version.etag) == (b"one", 3, etag)
    assert head is not None
    assert (head.version, head.metadata) == (image.version, {"stamp": "x"})


def test_the_body_of_an_object_over_the_limit_is_not_read(objects: Bucket) -> None:
    put(objects, b"four", None)

    image = objects.read(BUCKET, "a", max_bytes=3)

    assert (image.data, image.size) == (None, 4)


def test_a_missing_object_has_no_head_and_cannot_be_read(objects: Bucket) -> None:
    assert objects.head(BUCKET, "a") is None
    with pytest.raises(ObjectGoneError):
        objects.read(BUCKET, "a", max_bytes=3)


def test_a_put_replaces_only_the_object_with_the_given_etag(objects: Bucket) -> None:
    first = put(objects, b"one", None)
    second = put(objects, b"two", first)

    for if_match in (first, None):
        with pytest.raises(ObjectChangedError):
            put(objects, b"three", if_match)

    head = objects.head(BUCKET, "a")
    assert head is not None
    assert head.version.etag == second


def test_a_put_over_a_deleted_object_fails(objects: Bucket, bucket: LocalBucket) -> None:
    etag = put(objects, b"one", None)
    bucket.client.delete_object(Bucket=BUCKET, Key="a")

    with pytest.raises(ObjectChangedError):
        put(objects, b"two", etag)


def test_a_delete_removes_only_the_object_with_the_given_etag(objects: Bucket) -> None:
    first = put(objects, b"one", None)
    second = put(objects, b"two", first)

    with pytest.raises(ObjectChangedError):
        objects.delete(BUCKET, "a", if_match=first)
    objects.delete(BUCKET, "a", if_match=second)

    assert objects.head(BUCKET, "a") is None
