"""Opens a bucket with the endpoint and the credentials of a Spark session; see `open_bucket`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from ...storage.bucket import Bucket
from ...storage.client import create_client
from ...storage.function_client import FunctionClient
from ..session.bucket_access import BucketAccess

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@cache
def open_client(access: BucketAccess) -> S3Client:
    """Returns the SDK's client, created once per process."""
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
    """Returns the bucket of the storage room, created once per process.

    Its requests take a quarter of the SDK's processor time. Call it only in the process that sends
    them: obstore's threads do not survive a fork.
    """
    if access.anonymous:
        return Bucket(open_client(access))
    environment = make_environment(access, os.environ)
    return Bucket(FunctionClient(environment, lambda: open_client(access)))


def make_environment(access: BucketAccess, environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables of the AWS SDKs for an access.

    Args:
        access: what comes first.
        environment: of this process, for what the access leaves open.
    """
    variables = dict(environment)
    values: list[tuple[tuple[str, ...], tuple[str | None, ...] | None]] = [
        (_ENDPOINTS, (access.endpoint,) if access.endpoint else None),
        (_REGIONS, (access.region,) if access.region else None),
        (
            _KEYS,
            (access.keys.access_key, access.keys.secret_key, access.keys.session_token)
            if access.keys
            else None,
        ),
    ]
    for names, given in values:
        if given is not None:
            for name in names:
                variables.pop(name, None)
            found = zip(names, given, strict=False)
            variables.update({name: value for name, value in found if value is not None})
    return variables
