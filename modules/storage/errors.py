"""Turns the AWS SDK's errors into this project's; see `storage_errors`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from ..errors import CredentialsExpiredError, ObjectChangedError, ObjectGoneError, StorageError

_GONE = ("NoSuchKey", "NoSuchVersion", "404")
# HeadObject's answer has no body, so expired credentials are a plain 400 there
_EXPIRED = ("ExpiredToken", "400")
_CHANGED = ("PreconditionFailed", "ConditionalRequestConflict", "412")


@contextmanager
def storage_errors(action: str) -> Iterator[None]:
    """Turns the SDK's errors into ours; their messages begin with `action`.

    Args:
        action: what the block does, such as "reading s3://bucket/key".

    Raises:
        ObjectGoneError: the object does not exist.
        ObjectChangedError: the request's condition is not met.
        CredentialsExpiredError: the credentials have expired.
        StorageError: every other failure of S3 or of the connection.
    """
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        message = f"{action}: {code}: {error.response.get('Error', {}).get('Message', error)}"
        raise _error_class(code)(message) from error
    except (BotoCoreError, OSError) as error:
        raise StorageError(f"{action}: {error}") from error


def s3_code(error: StorageError) -> str:
    """Returns S3's code of an error, like "AccessDenied"; empty if S3 has not answered."""
    cause = error.__cause__
    return (
        str(cause.response.get("Error", {}).get("Code")) if isinstance(cause, ClientError) else ""
    )


def _error_class(code: str) -> type[StorageError] | type[ObjectGoneError]:
    if code in _GONE:
        return ObjectGoneError
    if code in _EXPIRED:
        return CredentialsExpiredError
    return ObjectChangedError if code in _CHANGED else StorageError
