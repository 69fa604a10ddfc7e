"""Lists the objects of a bucket under a prefix; see `list_objects`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .errors import storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def list_objects(client: S3Client, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    """Yields the key and the size in bytes of each object under a prefix, sorted by key.

    Sends one request per 1,000 objects.

    Raises:
        StorageError: S3 fails.
    """
    pages = iter(client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
    while True:
        with storage_errors(f"listing s3://{bucket}/{prefix}"):
            page = next(pages, None)
        if page is None:
            return
        for item in page.get("Contents", ()):
            yield item["Key"], item["Size"]
