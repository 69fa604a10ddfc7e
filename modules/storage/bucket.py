"""Reads, writes and deletes the objects of a bucket; start at `Bucket`.

What is written or deleted is done so on a condition: that the object under the key is still the one
that was seen. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ObjectChangedError, ObjectGoneError
from .errors import storage_errors
from .object_stream import ObjectStream

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@contextmanager
def _conditional_errors(doing: str) -> Iterator[None]:
    """The same for a conditional request, where a missing object is one that has changed.

    The SDK may have sent the request twice, the first answer being lost. Then it is what the first
    one has written that does not match: it is for the caller to see whose it is.
    """
    try:
        with storage_errors(doing):
            yield
    except ObjectGoneError as error:
        raise ObjectChangedError(str(error)) from error


@dataclass(frozen=True)
class Version:
    """Which object it is that lies under a key; one that is written again is another.

    etag: without quotes. modified: ISO 8601, to the second. version_id: None where the bucket
    keeps no versions.
    """

    etag: str
    modified: str
    version_id: str | None = None


@dataclass(frozen=True)
class ObjectHead:
    """An object that lies under a key, without its bytes."""

    version: Version
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class StoredImage:
    """An object's bytes, None where there are too many, and which object they are."""

    data: bytes | None
    size: int
    version: Version


class Bucket:
    """The objects of any bucket that an event names."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def read(self, bucket: str, key: str, *, max_bytes: int) -> StoredImage:
        """Fetches what lies under a key now, the body only up to `max_bytes`.

        That is one request, unless the connection breaks.

        Raises:
            ObjectGoneError: there is nothing.
            ObjectChangedError: it was replaced while it was read.
            StorageError: S3 fails.
        """
        with ObjectStream(self._client, Bucket=bucket, Key=key) as stream:
            version = Version(stream.etag, stream.modified.isoformat(), stream.version_id)
            data = stream.read() if stream.size <= max_bytes else None
            return StoredImage(data, stream.size, version)

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        """What lies under a key now; None for nothing.

        Raises:
            StorageError: S3 fails.
        """
        try:
            with storage_errors(f"looking at s3://{bucket}/{key}"):
                answer = self._client.head_object(Bucket=bucket, Key=key)
        except ObjectGoneError:
            return None
        return ObjectHead(_version(answer), answer["Metadata"])

    def put(
        self,
        bucket: str,
        key: str,
        data: bytes,
        media_type: str,
        *,
        metadata: Mapping[str, str],
        if_match: str | None,
    ) -> str:
        """Writes an object, whole or not at all, over the one with the ETag `if_match`.

        `if_match` is None where nothing is to lie under the key. Returns the new object's ETag.

        Raises:
            ObjectChangedError: another lies there, or nothing, or something where nothing should.
            StorageError: S3 fails.
        """
        condition: Any = {"IfMatch": f'"{if_match}"'} if if_match else {"IfNoneMatch": "*"}
        with _conditional_errors(f"writing s3://{bucket}/{key}"):
            answer = self._client.put_object(
                Bucket=bucket,
                Key=key,
                Body=data,
                ContentType=media_type,
                Metadata=metadata,
                **condition,
            )
        return answer["ETag"].strip('"')

    def delete(self, bucket: str, key: str, *, if_match: str) -> None:
        """Deletes the object with the ETag `if_match`.

        Raises:
            ObjectChangedError: another lies there, or none.
            StorageError: S3 fails.
        """
        with _conditional_errors(f"deleting s3://{bucket}/{key}"):
            self._client.delete_object(Bucket=bucket, Key=key, IfMatch=f'"{if_match}"')


def _version(answer: Any) -> Version:
    version_id = answer.get("VersionId")
    return Version(
        etag=answer["ETag"].strip('"'),
        modified=answer["LastModified"].isoformat(),
        version_id=None if version_id == "null" else version_id,
    )
