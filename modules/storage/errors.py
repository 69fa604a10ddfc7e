"""Turns the errors of S3 and of the connection to it into this project's; see `storage_errors`.

Requests go out through two libraries (`function_client.py`, `client.py`). The AWS SDK's exceptions
are looked up only where it has been imported: importing it takes a fifth of a second.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import CredentialsExpiredError, ObjectChangedError, ObjectGoneError, StorageError

_GONE = ("NoSuchKey", "NoSuchVersion", "404")
# HeadObject's answer has no body, so expired credentials are a plain 400 there
_EXPIRED = ("ExpiredToken", "400")
_CHANGED = ("PreconditionFailed", "ConditionalRequestConflict", "412")


class S3Error(Exception):
    """A request that failed, as `FunctionClient` reports it.

    code: S3's, like "AccessDenied"; the status where the answer has no body; empty where there was
    no answer. status: of the answer; 0 where there was none.
    """

    def __init__(self, code: str, message: str, status: int = 0) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code = code
        self.status = status


@contextmanager
def storage_errors(action: str) -> Iterator[None]:
    """Turns errors of a request into ours; their messages begin with `action`.

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
    except S3Error as error:
        raise _error_class(error.code)(f"{action}: {error}") from error
    except OSError as error:
        raise StorageError(f"{action}: {error}") from error
    except Exception as error:
        if isinstance(error, _sdk_errors("botocore.exceptions", "ClientError")):
            answer: dict[str, Any] = error.response.get("Error", {})  # type: ignore[attr-defined]
            code = answer.get("Code", "")
            message = f"{action}: {code}: {answer.get('Message', error)}"
            raise _error_class(code)(message) from error
        if isinstance(error, _sdk_errors("botocore.exceptions", "BotoCoreError")):
            raise StorageError(f"{action}: {error}") from error
        raise


def s3_code(error: StorageError) -> str:
    """Returns S3's code of an error, like "AccessDenied"; empty if S3 has not answered."""
    cause = error.__cause__
    if isinstance(cause, S3Error):
        return cause.code
    if isinstance(cause, _sdk_errors("botocore.exceptions", "ClientError")):
        return str(cause.response.get("Error", {}).get("Code"))  # type: ignore[attr-defined]
    return ""


def broken_connection_errors() -> tuple[type[Exception], ...]:
    """Returns what reading an answer raises when the connection breaks."""
    return (
        OSError,
        *_sdk_errors("botocore.exceptions", "BotoCoreError"),
        *_sdk_errors("urllib3.exceptions", "HTTPError"),
    )


def checksum_errors() -> tuple[type[Exception], ...]:
    """Returns what reading an answer raises when its bytes do not match their checksum."""
    return _sdk_errors("botocore.exceptions", "FlexibleChecksumError")


def _sdk_errors(module: str, name: str) -> tuple[type[Exception], ...]:
    """Returns an exception of the SDK, or of what it uses; nothing where it is not imported."""
    return (getattr(sys.modules[module], name),) if module in sys.modules else ()


def _error_class(code: str) -> type[StorageError] | type[ObjectGoneError]:
    if code in _GONE:
        return ObjectGoneError
    if code in _EXPIRED:
        return CredentialsExpiredError
    return ObjectChangedError if code in _CHANGED else StorageError
