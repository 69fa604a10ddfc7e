"""Lists the images of a bucket that failed permanently; start at `failed_images`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import ImageError, ObjectGoneError, UsageError
from ..results.document import FailureRecord, read_failure
from ..results.keys import (
    DOCUMENT_SUFFIX,
    check_key,
    failure_prefix,
    image_key,
    output_keys,
)
from ..settings import Settings
from ..storage.errors import storage_errors
from ..storage.object_stream import ObjectStream

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MAX_REQUESTS = 10  # at once; the SDK keeps as many connections open


@dataclass(frozen=True)
class FailedImage:
    """An image that failed permanently, as its failure record describes it.

    Attributes:
        key: the image's key.
        kind: the class of the error, such as "ImageError".
        message: the error's message.
        failed_at: when the record was written.
        record: the key of the record.
        is_superseded: whether a result was published after the failure.
    """

    key: str
    kind: str
    message: str
    failed_at: datetime
    record: str
    is_superseded: bool


def bucket_of(location: str) -> str:
    """Returns the bucket's name in a location, `s3://BUCKET`.

    Raises:
        UsageError: the location is not of that form.
    """
    scheme, _, bucket = location.partition("://")
    if scheme != "s3" or not bucket.strip("/") or "/" in bucket.strip("/"):
        raise UsageError(f"{location} is no bucket; one is written s3://BUCKET")
    return bucket.strip("/")


def failed_images(
    client: S3Client, bucket: str, settings: Settings, prefix: str = ""
) -> Iterator[FailedImage]:
    """Yields the failed images whose keys begin with `prefix`, in no particular order.

    Raises:
        StorageError: a request to S3 fails.
    """
    read = partial(_read, client, bucket, settings)
    with ThreadPoolExecutor(_MAX_REQUESTS) as pool:
        for page in _pages(client, bucket, failure_prefix(prefix, settings)):
            yield from (found for found in pool.map(read, page) if found)


def _pages(client: S3Client, bucket: str, prefix: str) -> Iterator[list[Any]]:
    """Yields the failure records under a prefix, as S3 lists them, page by page."""
    with storage_errors(f"listing s3://{bucket}/{prefix}"):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield [
                item for item in page.get("Contents", ()) if item["Key"].endswith(DOCUMENT_SUFFIX)
            ]


def _read(client: S3Client, bucket: str, settings: Settings, item: Any) -> FailedImage | None:
    """Reads one record; None if it was deleted meanwhile."""
    record = item["Key"]
    try:
        with ObjectStream(client, Bucket=bucket, Key=record) as stream:
            failure = read_failure(stream.read())
    except ObjectGoneError:
        return None
    if failure is None:
        failure = FailureRecord(
            image_key(record, settings),
            "unreadable",
            "this is no record of a failure, which is a JSON document",
        )
    published_at = _published_at(client, bucket, failure.key, settings)
    return FailedImage(
        key=failure.key,
        kind=failure.kind,
        message=failure.message,
        failed_at=item["LastModified"],
        record=record,
        # S3's times have whole seconds; a failure that came after a result has deleted the result
        is_superseded=published_at is not None and published_at >= item["LastModified"],
    )


def _published_at(client: S3Client, bucket: str, key: str, settings: Settings) -> datetime | None:
    """Returns when the image's result was published; None if there is none.

    An image whose key is too long for a result has none, and S3 would refuse the request for it.
    """
    try:
        check_key(key, settings)
    except ImageError:
        return None
    document = output_keys(key, settings).document
    try:
        with storage_errors(f"looking at s3://{bucket}/{document}"):
            return client.head_object(Bucket=bucket, Key=document)["LastModified"]
    except ObjectGoneError:
        return None
