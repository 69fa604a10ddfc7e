"""Reads an object of S3 as one stream, over several connections if need be; see `ObjectStream`."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Self

from ..errors import StorageError
from .errors import broken_connection_errors, checksum_errors, storage_errors
from .version import Version

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from .function_client import FunctionClient

_CHUNK_BYTES = 1 << 16  # at most this much is lost when the connection breaks inside one read
_MAX_BREAKS = 3  # in a row, without a byte between them
_MD5 = re.compile("[0-9a-f]{32}")  # the ETag of an object that was not uploaded in parts


class ObjectStream:
    """One version of an object, from its first byte to its last.

    The SDK repeats a request only until an answer begins. When the connection breaks in the middle
    of the answer, this class requests the remaining bytes of the same version, so that callers need
    not begin again.

    The SDK checks the bytes against the checksum that S3 keeps, if there is one. Where it did not
    read them, they are checked against the ETag, as soon as the last one is read.

    size: the object's, in bytes. version: the object's.
    """

    def __init__(self, client: S3Client | FunctionClient, **request: Any) -> None:
        """Sends the first request; `request` holds GetObject's parameters.

        Raises:
            ObjectGoneError: there is no such object.
            ObjectChangedError: the object does not meet the request's condition.
            StorageError: S3 fails.
        """
        self._client = client
        self._request = request
        self._action = f"reading s3://{request['Bucket']}/{request['Key']}"
        self._position = 0
        self._breaks = 0
        answer = self._send()
        self._body = answer["Body"]
        self.size: int = answer["ContentLength"]
        self.version = Version.from_answer(answer)
        self._is_proven = answer.get("IsProven", True)
        is_provable = not self._is_proven and _MD5.fullmatch(self.version.etag)
        self._digest = hashlib.md5(usedforsecurity=False) if is_provable else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._body.close()

    def read(self, size: int = -1) -> bytes:
        """Reads the next `size` bytes, or all that are left; fewer only at the end.

        Raises:
            StorageError, ObjectChangedError, ObjectGoneError: see `readinto`.
        """
        left = self.size - self._position + 1  # only a read that returns nothing proves the end
        data = memoryview(bytearray(left if size < 0 else min(size, left)))
        filled = 0
        while filled < len(data) and (count := self.readinto(data[filled:])):
            filled += count
        return bytes(data[:filled])

    def readinto(self, buffer: memoryview, /) -> int:
        """Fills the beginning of the buffer; returns the number of bytes, 0 at the end.

        Raises:
            StorageError: the connection keeps breaking, or the bytes do not match their checksum.
            ObjectChangedError: the connection broke, and the object was replaced meanwhile.
            ObjectGoneError: the connection broke, and the object was deleted meanwhile.
        """
        if not self._is_proven and self._position == self.size:
            return 0  # the SDK has to be asked for more, because it compares checksums then
        while True:
            try:
                count: int = self._body.readinto(buffer[:_CHUNK_BYTES])
            except checksum_errors() as error:
                raise StorageError(f"{self._action}: {error}") from error
            except broken_connection_errors() as error:
                self._resume(error)
                continue
            self._position += count
            if count or not len(buffer) or self._position == self.size:
                self._breaks = 0
                self._check(buffer[:count])
                return count
            self._resume(EOFError(f"the answer ended after {self._position:,} bytes"))

    def _check(self, data: memoryview) -> None:
        """Checks the object's bytes, of which `data` are the next, if they are the last ones.

        Raises:
            StorageError: they are not those that S3 has stored.
        """
        if self._digest is None:
            return
        self._digest.update(data)
        if self._position < self.size:
            return
        found, self._digest = self._digest.hexdigest(), None
        if found == self.version.etag:
            return
        if found != self._digest_by_sdk():
            raise StorageError(
                f"{self._action}: the bytes that arrived have the MD5 digest {found}, and S3 has "
                f"stored an object with the digest {self.version.etag}"
            )
        self._client.distrust_etags(self._request["Bucket"])  # type: ignore[union-attr]

    def _digest_by_sdk(self) -> str:
        """Reads the object again, by the SDK, which checks the bytes; returns their MD5 digest."""
        found = hashlib.md5(usedforsecurity=False)
        request = {**self._request, "IfMatch": f'"{self.version.etag}"'}
        sdk = self._client.sdk  # type: ignore[union-attr]  # the SDK's proves its bytes
        with ObjectStream(sdk, **request) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                found.update(chunk)
        return found.hexdigest()

    def _resume(self, error: Exception) -> None:
        """Requests the remaining bytes after the connection broke with `error`."""
        self._body.close()
        self._breaks += 1
        if self._breaks > _MAX_BREAKS:
            raise StorageError(f"{self._action}: {error}") from error
        rest = f"bytes={self._position}-"
        answer = self._send(IfMatch=f'"{self.version.etag}"', Range=rest)
        wanted = f"bytes {self._position}-{self.size - 1}/{self.size}"
        if answer.get("ContentRange") != wanted:
            raise StorageError(
                f"{self._action}: the answer has {answer.get('ContentRange')} instead of {wanted}"
            )
        self._body = answer["Body"]

    def _send(self, **changes: Any) -> Any:
        """Sends GetObject with the request's parameters and `changes`; returns the answer."""
        with storage_errors(self._action):
            return self._client.get_object(**{**self._request, **changes})
