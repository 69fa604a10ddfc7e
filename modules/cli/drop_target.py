"""Finds the bucket and the prefix that `drop` uploads to; see `find_target`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ObjectGoneError, UsageError
from ..settings import Settings
from ..storage.errors import storage_errors
from .failed_records import bucket_of
from .stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
_LOCAL_BUCKET = "pictures"  # of `local`
# The Serverless Framework keeps packages in a bucket of its own; CloudFormation cuts its name
_PACKAGES = "-serverlessdeploy"


@dataclass(frozen=True)
class Target:
    """A bucket, and where in it the pictures go. The prefix ends with a slash."""

    bucket: str
    prefix: str


def find_target(
    client: S3Client,
    location: str | None,
    prefix: str | None,
    stage: str,
    settings: Settings,
    environment: Mapping[str, str],
) -> Target:
    """Returns the bucket and the prefix, after checking that the bucket exists.

    Args:
        client: the S3 client.
        location: `s3://BUCKET`; None for the bucket of the stage, or of the local AWS.
        prefix: where in the bucket; None for the prefix whose pictures are processed.
        stage: the stage of the deployment.
        settings: the prefixes of the bucket.
        environment: tells whether the AWS SDKs use a local AWS.

    Raises:
        UsageError: there is no such bucket, or pictures under this prefix are never processed.
        StorageError: S3 fails.
    """
    prefix = (prefix or settings.input_prefix).rstrip("/") + "/"
    if not prefix.startswith(settings.input_prefix):
        raise UsageError(
            f"--prefix {prefix}: only pictures under {settings.input_prefix} are processed; if the "
            f"function was deployed with another inputPrefix, set INPUT_PREFIX to it"
        )
    if location:
        bucket = bucket_of(location)
    elif any(environment.get(name) for name in _ENDPOINTS):
        bucket = _local_bucket(client) or _bucket_of_stack(stage)
    else:
        bucket = _bucket_of_stack(stage)
    try:
        with storage_errors(f"looking at s3://{bucket}"):
            client.head_bucket(Bucket=bucket)
    except ObjectGoneError:
        raise UsageError(f"there is no bucket s3://{bucket}") from None
    return Target(bucket, prefix)


def _bucket_of_stack(stage: str) -> str:
    try:
        with storage_errors(f"looking for the bucket of the stage {stage}"):
            return Stack(stage).output("Bucket")
    except UsageError as error:
        raise UsageError(f"{error}; or name the bucket as the last argument, s3://BUCKET") from None


def _local_bucket(client: S3Client) -> str | None:
    """Returns the bucket of `local`, or the only bucket; None if there are several others."""
    with storage_errors("listing the buckets"):
        names = [item["Name"] for item in client.list_buckets()["Buckets"]]
    buckets = [name for name in names if _PACKAGES not in name]
    if _LOCAL_BUCKET in buckets:
        return _LOCAL_BUCKET
    return buckets[0] if len(buckets) == 1 else None
