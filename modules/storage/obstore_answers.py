"""Reads obstore's answers and errors as the AWS SDK gives them; start at `describe`, `read_error`.

obstore has the status, S3's code and the kind of a broken connection only in an error's text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .errors import S3Error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore import GetResult

_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>(.*?)</Code>", re.DOTALL)
_MESSAGE = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)
_CONNECTION = re.compile(
    r"HTTP error: (.*?)\n\nDebug source:.*?HttpError \{\s*kind: (\w+)", re.DOTALL
)
# Names in GetResult.attributes that are no user metadata, in lower case
STANDARD_ATTRIBUTES = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "storage-class",
    }
)
# Another region's bucket is refused with one of these, or with a redirect
_ELSEWHERE = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "PermanentRedirect",
        "TemporaryRedirect",
    }
)


class UnfitError(Exception):
    """A request, or its answer, that obstore cannot handle; the SDK has to.

    is_elsewhere: the bucket is in another region, so that this holds for all of its requests.
    """

    def __init__(self, message: str, *, is_elsewhere: bool = False) -> None:
        super().__init__(message)
        self.is_elsewhere = is_elsewhere


def read_error(error: Exception) -> S3Error | UnfitError:
    """Returns what went wrong: S3's refusal, a broken connection, or an answer of no known form."""
    text = str(error)
    if found := _STATUS.search(text):
        status = int(found[1])
        code, message = _CODE.search(text), _MESSAGE.search(text)
        name = _unescape(code[1]) if code else found[1]
        if 300 <= status < 400 or name in _ELSEWHERE:
            return UnfitError(text, is_elsewhere=True)
        return S3Error(name, _unescape(message[1]) if message else "no details", status)
    if found := _CONNECTION.search(text):
        return S3Error("", f"the connection broke: {found[1]} ({found[2]})")
    return UnfitError(text, is_elsewhere="Received redirect without LOCATION" in text)


def describe(result: GetResult) -> dict[str, Any]:
    """Returns the SDK's answer to HeadObject or GetObject, but for the body."""
    meta, attributes = result.meta, result.attributes
    start, end = result.range
    return {
        "ETag": meta["e_tag"],
        "LastModified": meta["last_modified"],
        "VersionId": meta["version"],
        "ContentType": attributes.get("Content-Type", ""),
        "ContentLength": meta["size"],
        "ContentRange": f"bytes {start}-{end - 1}/{meta['size']}",
        "Metadata": {
            name: value
            for name, value in attributes.items()
            if name.lower() not in STANDARD_ATTRIBUTES
        },
    }


class Body:
    """The bytes of an answer, as they arrive."""

    def __init__(self, result: GetResult) -> None:
        # At most one byte waits for others, so that none is lost when the connection breaks
        self._chunks: Iterator[bytes] = iter(result.stream(min_chunk_size=1))
        self._chunk = memoryview(b"")

    def readinto(self, buffer: memoryview) -> int:
        """Fills the beginning of the buffer; returns the number of bytes, 0 at the end.

        Raises:
            ConnectionError: the connection broke.
        """
        while not self._chunk:
            try:
                chunk = next(self._chunks, None)
            except Exception as error:
                raise ConnectionError(str(read_error(error))) from error
            if chunk is None:
                return 0
            self._chunk = memoryview(chunk)
        count = min(len(buffer), len(self._chunk))
        buffer[:count] = self._chunk[:count]
        self._chunk = self._chunk[count:]
        return count

    def close(self) -> None:
        """Closes the connection, unless its answer was read to the end."""
        self._chunks = iter(())
        self._chunk = memoryview(b"")


def _unescape(text: str) -> str:
    """Replaces XML's entities; S3 uses no others in its errors."""
    for entity, letter in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        text = text.replace(entity, letter)
    return text
