"""Turns botocore's errors into this project's; see `storage_errors`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from ..errors import CredentialsExpiredError, ObjectChangedError, ObjectGoneError, StorageError

_GONE = ("NoSuchKey", "NoSuchVersion", "404")


_EXPIRED = ("ExpiredToken", "400")  # the answer to HEAD has no body that would say which 400


_CHANGED = ("PreconditionFailed", "ConditionalRequestConflict", "412")


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
    if code in _EXPIRED:
        return CredentialsExpiredError
    return ObjectChangedError if code in _CHANGED else StorageError
