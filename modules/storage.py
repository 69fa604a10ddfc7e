"""How this project talks to S3: the client, and its errors as ours; start at `create_client`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from .object_detection.errors import PermanentError, TransientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_GONE = ("NoSuchKey", "NoSuchVersion", "404")
_CHANGED = ("PreconditionFailed", "ConditionalRequestConflict", "412")


class StorageError(TransientError):
    """S3 did not do as asked: throttling, time-outs, missing permissions, no such bucket."""


class ObjectChangedError(StorageError):
    """The object is not the one that a condition on its ETag asks for."""


class ObjectGoneError(PermanentError):
    """The object is not there any more: it was deleted after its event was sent."""


def create_client() -> S3Client:
    """An S3 client for a function's short life: quick to give up a connection, patient to retry.

    Region, credentials and AWS_ENDPOINT_URL come from the environment, as the AWS SDKs do it.
    Retries are those of the standard mode. The adaptive mode would hold back requests of its own
    accord after the first one that S3 throttles; that helps a client with many requests under way,
    and the function has one. Four attempts that each hear nothing for 10 seconds fit into the
    default timeout of 60.
    """
    import boto3  # half a second, which a command on local files need not spend
    from botocore.config import Config

    return boto3.client(
        "s3",
        config=Config(
            connect_timeout=2,
            read_timeout=10,
            retries={"mode": "standard", "total_max_attempts": 4},
        ),
    )


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turns the SDK's errors into ours, saying what was being done."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        message = f"{doing}: {code}: {error.response.get('Error', {}).get('Message', error)}"
        raise _kind_of(code)(message) from error
    except (BotoCoreError, OSError) as error:
        raise StorageError(f"{doing}: {error}") from error


def _kind_of(code: str) -> type[StorageError] | type[ObjectGoneError]:
    if code in _GONE:
        return ObjectGoneError
    return ObjectChangedError if code in _CHANGED else StorageError
