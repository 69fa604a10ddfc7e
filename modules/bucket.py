"""Reads images from, and publishes results to, a bucket; start at `Bucket`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from .events import ImageRef
from .object_detection.errors import ImageError, PermanentError, TransientError

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
    """
    import boto3  # half a second, which a command on local files need not spend
    from botocore.config import Config

    return boto3.client(
        "s3",
        config=Config(
            connect_timeout=3, read_timeout=20, retries={"mode": "standard", "max_attempts": 5}
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


@dataclass(frozen=True)
class StoredImage:
    """An object's bytes, and which object they are: what was read, not what the event promised."""

    data: bytes
    etag: str
    version_id: str | None


class Bucket:
    """The images and results of any bucket that an event names."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def read(self, ref: ImageRef, *, max_bytes: int) -> StoredImage:
        """Fetches an image, in one request.

        Raises:
            ImageError: it is larger than `max_bytes`; its body is not read then.
            ObjectGoneError: it is not there.
            StorageError: S3 fails.
        """
        version: Any = {"VersionId": ref.version_id} if ref.version_id else {}
        with storage_errors(f"reading s3://{ref.bucket}/{ref.key}"):
            answer = self._client.get_object(Bucket=ref.bucket, Key=ref.key, **version)
            with answer["Body"] as body:
                size = answer["ContentLength"]
                if size > max_bytes:
                    raise ImageError(
                        f"{size:,} bytes are too many; at most {max_bytes:,} are allowed "
                        "(MAX_IMAGE_BYTES)"
                    )
                data = body.read()
        version_id = answer.get("VersionId")
        return StoredImage(
            data, answer["ETag"].strip('"'), None if version_id == "null" else version_id
        )

    def put(self, bucket: str, key: str, data: bytes, media_type: str) -> None:
        """Writes an object, whole or not at all.

        Raises:
            StorageError: S3 fails.
        """
        with storage_errors(f"writing s3://{bucket}/{key}"):
            self._client.put_object(Bucket=bucket, Key=key, Body=data, ContentType=media_type)

    def put_document(self, bucket: str, key: str, document: dict[str, Any]) -> None:
        """Writes a JSON document likewise."""
        data = json.dumps(document, ensure_ascii=False, indent=1).encode()
        self.put(bucket, key, data, "application/json")
