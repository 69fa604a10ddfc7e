import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import ObjectChangedError, ObjectGoneError
from modules.storage.bucket import Bucket


def put(bucket: LocalBucket, data: bytes, if_match: str | None) -> str:
    return Bucket(bucket.client).put(
        BUCKET, "a", data, "text/plain", metadata={"stamp": "x"}, if_match=if_match
    )


def test_a_written_object_has_its_bytes_and_metadata(bucket: LocalBucket) -> None:
    etag = put(bucket, b"one", None)

    image = Bucket(bucket.client).read(BUCKET, "a", max_bytes=3)
    head = Bucket(bucket.client).head(BUCKET, "a")
    assert (image.data, image.size, image.version.etag) == (b"one", 3, etag)
    assert head is not None
    assert (head.version, head.metadata) == (image.version, {"stamp": "x"})


def test_the_body_of_an_object_over_the_limit_is_not_read(bucket: LocalBucket) -> None:
    put(bucket, b"four", None)

    image = Bucket(bucket.client).read(BUCKET, "a", max_bytes=3)

    assert (image.data, image.size) == (None, 4)


def test_a_missing_object_has_no_head_and_cannot_be_read(bucket: LocalBucket) -> None:
    assert Bucket(bucket.client).head(BUCKET, "a") is None
    with pytest.raises(ObjectGoneError):
        Bucket(bucket.client).read(BUCKET, "a", max_bytes=3)


def test_a_put_replaces_only_the_object_with_the_given_etag(bucket: LocalBucket) -> None:
    first = put(bucket, b"one", None)
    second = put(bucket, b"two", first)

    for if_match in (first, None):
        with pytest.raises(ObjectChangedError):
            put(bucket, b"three", if_match)

    head = Bucket(bucket.client).head(BUCKET, "a")
    assert head is not None
    assert head.version.etag == second


def test_a_put_over_a_deleted_object_fails(bucket: LocalBucket) -> None:
    etag = put(bucket, b"one", None)
    bucket.client.delete_object(Bucket=BUCKET, Key="a")

    with pytest.raises(ObjectChangedError):
        put(bucket, b"two", etag)


def test_a_delete_removes_only_the_object_with_the_given_etag(bucket: LocalBucket) -> None:
    first = put(bucket, b"one", None)
    second = put(bucket, b"two", first)

    with pytest.raises(ObjectChangedError):
        Bucket(bucket.client).delete(BUCKET, "a", if_match=first)
    Bucket(bucket.client).delete(BUCKET, "a", if_match=second)

    assert Bucket(bucket.client).head(BUCKET, "a") is None
