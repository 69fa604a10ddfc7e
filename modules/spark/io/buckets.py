"""Opens a bucket with the endpoint and the credentials of a Spark session; see `open_bucket`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ...storage.bucket import Bucket
from ...storage.client import create_client
from ..session.bucket_access import BucketAccess

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@cache
def open_client(access: BucketAccess) -> S3Client:
    """Returns a client, created once per process."""
    keys = access.keys
    return create_client(
        endpoint=access.endpoint,
        region=access.region,
        keys=(keys.access_key, keys.secret_key, keys.session_token) if keys else None,
        path_style=access.path_style,
        anonymous=access.anonymous,
    )


@cache
def open_bucket(access: BucketAccess) -> Bucket:
    """Returns the bucket of the storage room, created once per process."""
    return Bucket(open_client(access))
