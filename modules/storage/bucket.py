"""Reads, writes and deletes the objects of a bucket; start at `Bucket`.

Every write and every delete has a condition: the object under the key must still be the one that
the caller has seen. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ObjectChangedError, ObjectGoneError
from .errors import storage_errors
from .object_stream import ObjectStream
from .version import Version

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from .function_client import FunctionClient


@contextmanager
def _conditional_errors(action: str) -> Iterator[None]:
    """Like `storage_errors`, but 404 becomes ObjectChangedError.

    The client may have sent the request twice because the first answer was lost. The condition of
    the second request then fails on what the first one wrote. The caller must find out which of the
    two happened.
    """
    try:
        with storage_errors(action):
            yield
    except ObjectGoneError as error:
        raise ObjectChangedError(str(error)) from error


@dataclass(frozen=True)
class ObjectHead:
    """The version and the metadata of an object, without its bytes."""

    version: Version
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class StoredImage:
    """An image as it was read from a bucket.

    data: None where the object is larger than the caller's limit. size: in bytes.
    """

    data: bytes | None
    size: int
    version: Version


class Bucket:
    """The objects of every bucket that an event names."""

    def __init__(self, client: S3Client | FunctionClient) -> None:
        self._client = client

    def read(self, bucket: str, key: str, *, max_bytes: int) -> StoredImage:
        """Reads an object; its body only if it has at most `max_bytes`.

        Sends one request, unless the connection breaks.

        Raises:
            ObjectGoneError: there is no object under the key.
            ObjectChangedError: the object was replaced while it was read.
            StorageError: S3 fails.
        """
        with ObjectStream(self._client, Bucket=bucket, Key=key) as stream:
            data = stream.read() if stream.size <= max_bytes else None
            return StoredImage(data, stream.size, stream.version)

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        """Returns the version and the metadata of an object; None where there is no object.

        Raises:
            StorageError: S3 fails.
        """
        try:
            with storage_errors(f"looking at s3://{bucket}/{key}"):
                answer = self._client.head_object(Bucket=bucket, Key=key)
        except ObjectGoneError:
            return None
        return ObjectHead(Version.from_answer(answer), answer["Metadata"])

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

        Where `if_match` is None, there must be no object under the key. Returns the new object's
        ETag.

        Raises:
            ObjectChangedError: the condition is not met.
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
            ObjectChangedError: another object, or none, is under the key.
            StorageError: S3 fails.
        """
        with _conditional_errors(f"deleting s3://{bucket}/{key}"):
            self._client.delete_object(Bucket=bucket, Key=key, IfMatch=f'"{if_match}"')
