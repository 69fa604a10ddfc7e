"""Downloads one file with a known SHA-256, and resumes earlier attempts; see `download`."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ...errors import DownloadError, NotThereError, UnreachableError

_CHUNK_BYTES = 1 << 18
_TIMEOUT = 15.0  # seconds without a byte
_PAUSES = (0.5, 1.0, 2.0)  # seconds before the second, third and fourth attempt
_RETRYABLE_STATUSES = (408, 425, 429, 500, 502, 503, 504)  # a later attempt may succeed

Progress = Callable[[str, int, int], None]


class _AttemptError(Exception):
    """This attempt failed; the next one may succeed."""


def download(
    address: str, path: Path, *, sha256: str, size: int, progress: Progress | None = None
) -> None:
    """Downloads a file; `path` appears only when the file is complete and correct.

    Until then the bytes are in `PATH.part`, which stays when the connection breaks, so that the
    next attempt, or the next run, requests only the rest.

    Args:
        address: the file's http, https or file address.
        path: where to save the file; its folder must exist.
        sha256: the expected digest, in hexadecimal.
        size: the expected number of bytes.
        progress: called with the file's name, the bytes that are here, and the bytes in all.

    Raises:
        NotThereError: the address does not have the file, or refuses access.
        UnreachableError: the address does not answer, or all attempts failed.
        DownloadError: the file at the address has another digest.
    """
    part = path.with_name(f"{path.name}.part")
    reason = ""
    for pause in (0.0, *_PAUSES):
        time.sleep(pause)
        resumed_at = part.stat().st_size if part.exists() else 0
        try:
            if resumed_at < size:
                _receive(address, part, resumed_at, size, progress)
        except _AttemptError as error:
            reason = str(error)
            continue
        found = digest_of(part)
        if found == sha256:
            part.replace(path)
            _etag_path(part).unlink(missing_ok=True)
            return
        reason = f"its SHA-256 is {found}; it should be {sha256}"
        _discard(part)
        if not resumed_at:
            raise DownloadError(f"{address}: {reason}")
    raise UnreachableError(f"{address}: {reason}")


def digest_of(path: Path) -> str:
    """Returns a file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _receive(address: str, part: Path, received: int, size: int, progress: Progress | None) -> None:
    """Appends to `part`, which has `received` bytes; begins again if the server sends all bytes."""
    with _request(address, part, received) as answer:
        if answer.status != http.client.PARTIAL_CONTENT:
            received = 0
        elif not answer.headers.get("Content-Range", "").startswith(f"bytes {received}-"):
            _discard(part)
            raise _AttemptError(f"the server did not send the requested bytes from {received}")
        _save_etag(part, answer.headers.get("ETag"))
        end = received + int(answer.headers.get("Content-Length", size - received))
        with part.open("ab" if received else "wb") as out:
            for chunk in _chunks(answer):
                received += out.write(chunk)
                if received > size:
                    return  # this cannot be the file; its digest will differ
                if progress:
                    progress(part.stem, received, size)
    if received < end:
        raise _AttemptError(f"the connection broke after {received:,} of {end:,} bytes")


@contextlib.contextmanager
def _request(address: str, part: Path, start: int) -> Iterator[Any]:
    """Requests the bytes from `start`; if the file has changed, the server sends all of it."""
    headers = {"Range": f"bytes={start}-"} if start else {}
    if start and _etag_path(part).exists():
        headers["If-Range"] = _etag_path(part).read_text()
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 - the zoo's addresses, or the user's own mirror
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            _discard(part)
            raise _AttemptError("the partial file cannot be continued") from error
        kind = _AttemptError if error.code in _RETRYABLE_STATUSES else NotThereError
        raise kind(f"{address}: {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = str(getattr(error, "reason", error))
        if address.startswith("file:"):
            raise NotThereError(f"{address}: {reason}") from error
        raise _AttemptError(reason) from error
    with answer:
        yield answer


def _chunks(answer: Any) -> Iterator[bytes]:
    """Yields the body's bytes as they arrive."""
    while True:
        try:
            chunk = answer.read1(_CHUNK_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise _AttemptError(f"the connection broke: {error}") from error
        if not chunk:
            return
        yield chunk


def _etag_path(part: Path) -> Path:
    return part.with_name(f"{part.name}.etag")


def _save_etag(part: Path, etag: str | None) -> None:
    """Saves the ETag of the file that `part` belongs to.

    Weak ETags are not saved: they do not identify bytes (RFC 9110, 13.1.5).
    """
    if etag and etag.startswith('"'):
        _etag_path(part).write_text(etag)
    else:
        _etag_path(part).unlink(missing_ok=True)


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _etag_path(part).unlink(missing_ok=True)
