"""An object of S3 as one stream, over as many connections as it takes; start at `ObjectStream`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, FlexibleChecksumError

from ..errors import StorageError
from .errors import storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PIECE_BYTES = 1 << 16  # what one reading brought before a break inside it is lost
_BREAKS = 3  # in a row, without a byte between them, until it is given up


class ObjectStream:
    """An object as it was when it was opened, from its first byte to its last.

    The SDK tries a request again until an answer begins, and no further. When the connection
    breaks in the middle of the answer, this asks for the rest of the very same object, instead of
    leaving it to its caller to begin anew.

    size: the object's, in bytes. etag: without quotes. modified: when it was written, to the
    second. version_id: only where versions are kept.
    """

    def __init__(self, client: S3Client, **request: Any) -> None:
        """Asks for the object; `request` is GetObject's.

        Raises:
            ObjectGoneError: it is not there.
            ObjectChangedError: it is not the one that the request's condition asks for.
            StorageError: S3 fails.
        """
        self._client = client
        self._request = request
        self._doing = f"reading s3://{request['Bucket']}/{request['Key']}"
        self._position = 0
        self._breaks = 0
        answer = self._ask()
        self._body = answer["Body"]
        self.size: int = answer["ContentLength"]
        self.etag: str = answer["ETag"].strip('"')
        self.modified: datetime = answer["LastModified"]
        version_id = answer.get("VersionId")
        self.version_id: str | None = None if version_id == "null" else version_id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._body.close()

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes more, or all that are left; fewer only at the end."""
        left = self.size - self._position + 1  # the end has been seen only when no byte is left
        data = memoryview(bytearray(left if size < 0 else min(size, left)))
        filled = 0
        while filled < len(data) and (count := self.readinto(data[filled:])):
            filled += count
        return bytes(data[:filled])

    def readinto(self, buffer: memoryview, /) -> int:
        """Fills the buffer, or its beginning; returns how many bytes that were, 0 at the end.

        Raises:
            StorageError: the connection keeps breaking, or the bytes do not have their checksum.
        """
        from urllib3.exceptions import HTTPError  # slow to import, and here already with a client

        while True:
            try:
                count: int = self._body.readinto(buffer[:_PIECE_BYTES])
            except FlexibleChecksumError as error:
                raise StorageError(f"{self._doing}: {error}") from error
            except (BotoCoreError, HTTPError, OSError) as error:
                self._go_on(error)
                continue
            self._position += count
            if count or not len(buffer) or self._position == self.size:
                self._breaks = 0
                return count
            self._go_on(EOFError(f"the answer ended after {self._position:,} bytes"))

    def _go_on(self, error: Exception) -> None:
        """Asks for what is left, after a break."""
        self._body.close()
        self._breaks += 1
        if self._breaks > _BREAKS:
            raise StorageError(f"{self._doing}: {error}") from error
        rest = f"bytes={self._position}-"
        answer = self._ask(IfMatch=f'"{self.etag}"', Range=rest)
        wanted = f"bytes {self._position}-{self.size - 1}/{self.size}"
        if answer.get("ContentRange") != wanted:
            raise StorageError(
                f"{self._doing}: the answer has {answer.get('ContentRange')} instead of {wanted}"
            )
        self._body = answer["Body"]

    def _ask(self, **more: Any) -> Any:
        with storage_errors(self._doing):
            return self._client.get_object(**{**self._request, **more})
