"""Reads images from, and publishes results to, a bucket; start at `Bucket`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .events import ImageRef
from .object_detection.errors import ImageError
from .object_stream import ObjectStream
from .storage import storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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
        """Fetches an image, in one request unless the connection breaks.

        Raises:
            ImageError: it is larger than `max_bytes`; its body is not read then.
            ObjectGoneError: it is not there.
            StorageError: S3 fails.
        """
        version: Any = {"VersionId": ref.version_id} if ref.version_id else {}
        with ObjectStream(self._client, Bucket=ref.bucket, Key=ref.key, **version) as stream:
            if stream.size > max_bytes:
                raise ImageError(
                    f"{stream.size:,} bytes are too many; at most {max_bytes:,} are allowed "
                    "(MAX_IMAGE_BYTES)"
                )
            return StoredImage(stream.read(), stream.etag, stream.version_id)

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
