"""Reads what a bucket says of the images that failed for good; start at `failed_images`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import ObjectGoneError, UsageError
from ..settings import Settings
from ..storage.errors import storage_errors
from ..storage.object_stream import ObjectStream

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_AT_ONCE = 10  # requests, which are mostly waiting; so many connections the SDK keeps


@dataclass(frozen=True)
class FailedImage:
    """An image that failed for good, as its record under the failed prefix has it.

    kind: the error's class. is_superseded: a result was published since.
    """

    key: str
    kind: str
    message: str
    failed_at: datetime
    record: str
    is_superseded: bool


def bucket_of(location: str) -> str:
    """The bucket of `s3://BUCKET`.

    Raises:
        UsageError: that is no bucket.
    """
    scheme, _, bucket = location.partition("://")
    if scheme != "s3" or not bucket.strip("/") or "/" in bucket.strip("/"):
        raise UsageError(f"{location} is no bucket; one is written s3://BUCKET")
    return bucket.strip("/")


def failed_images(
    client: S3Client, bucket: str, settings: Settings, prefix: str = ""
) -> Iterator[FailedImage]:
    """The failed images whose keys begin with `prefix`, in no order.

    Raises:
        StorageError: S3 fails.
    """
    below = settings.failed_prefix + prefix.removeprefix(settings.input_prefix)
    read = partial(_read, client, bucket, settings)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for page in _pages(client, bucket, below):
            yield from (found for found in pool.map(read, page) if found)


def _pages(client: S3Client, bucket: str, prefix: str) -> Iterator[list[Any]]:
    with storage_errors(f"listing s3://{bucket}/{prefix}"):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield [item for item in page.get("Contents", ()) if item["Key"].endswith(".json")]


def _read(client: S3Client, bucket: str, settings: Settings, item: Any) -> FailedImage | None:
    """One record; None if it is gone by now."""
    record = item["Key"]
    try:
        with ObjectStream(client, Bucket=bucket, Key=record) as stream:
            data = stream.read()
    except ObjectGoneError:
        return None
    try:
        document = json.loads(data)
        key, error = str(document["image"]["key"]), document["error"]
        kind, message = str(error["type"]), str(error["message"])
    except (ValueError, LookupError, TypeError):
        key = settings.input_prefix + record.removeprefix(settings.failed_prefix)[: -len(".json")]
        kind, message = "unreadable", "this is no record of a failure, which is a JSON document"
    result = settings.output_prefix + key.removeprefix(settings.input_prefix) + ".json"
    published_at = _modified(client, bucket, result)
    return FailedImage(
        key=key,
        kind=kind,
        message=message,
        failed_at=item["LastModified"],
        record=record,
        # S3 counts seconds; a failure that came after a result has withdrawn it
        is_superseded=published_at is not None and published_at >= item["LastModified"],
    )


def _modified(client: S3Client, bucket: str, key: str) -> datetime | None:
    """When an object was written; None if there is none."""
    try:
        with storage_errors(f"looking at s3://{bucket}/{key}"):
            return client.head_object(Bucket=bucket, Key=key)["LastModified"]
    except ObjectGoneError:
        return None
