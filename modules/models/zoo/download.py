"""Fetches one file whose SHA-256 is known, resuming what an earlier try left; see `download`."""

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

_CHUNK = 1 << 18
_TIMEOUT = 15.0  # seconds without a byte
_PAUSES = (0.5, 1.0, 2.0)  # seconds before each further attempt
_PASSING = (408, 425, 429, 500, 502, 503, 504)  # a later attempt may be answered otherwise

Progress = Callable[[str, int, int], None]


class _BrokenOffError(Exception):
    """This attempt failed; the next may not."""


def download(
    address: str, path: Path, *, sha256: str, size: int, progress: Progress | None = None
) -> None:
    """Fetches a file, whole and right or not at all.

    What has come of it lies in `PATH.part` until it is whole, and is kept when the connection
    fails, so that the next attempt, or the next run, asks for the rest only.

    Args:
        address: where the file lies: http, https or file.
        path: what it is to become; its folder is there.
        sha256: the digest that it must have, in hexadecimal.
        size: how many bytes it must have.
        progress: told the file's name, how many of its bytes are here, and how many it has.

    Raises:
        NotThereError, UnreachableError: see there.
        DownloadError: the file at the address is another one.
    """
    part = path.with_name(f"{path.name}.part")
    reason = ""
    for pause in (0.0, *_PAUSES):
        time.sleep(pause)
        there = part.stat().st_size if part.exists() else 0
        try:
            if there < size:
                _receive(address, part, there, size, progress)
        except _BrokenOffError as error:
            reason = str(error)
            continue
        found = digest_of(part)
        if found == sha256:
            part.replace(path)
            _tag_of(part).unlink(missing_ok=True)
            return
        reason = f"its SHA-256 is {found}; it should be {sha256}"
        _drop(part)
        if not there:
            raise DownloadError(f"{address}: {reason}")
    raise UnreachableError(f"{address}: {reason}")


def digest_of(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _receive(address: str, part: Path, there: int, size: int, progress: Progress | None) -> None:
    """Continues `part` from its byte `there`, or begins again where it cannot be continued."""
    with _ask(address, part, there) as answer:
        if answer.status != http.client.PARTIAL_CONTENT:
            there = 0
        elif not answer.headers.get("Content-Range", "").startswith(f"bytes {there}-"):
            _drop(part)
            raise _BrokenOffError(f"asked for its bytes from {there}, the server sent others")
        _write_tag(part, answer.headers.get("ETag"))
        end = there + int(answer.headers.get("Content-Length", size - there))
        with part.open("ab" if there else "wb") as out:
            for chunk in _chunks(answer):
                there += out.write(chunk)
                if there > size:
                    return  # whatever this is, it is not the file
                if progress:
                    progress(part.stem, there, size)
    if there < end:
        raise _BrokenOffError(f"the connection broke off after {there:,} of {end:,} bytes")


@contextlib.contextmanager
def _ask(address: str, part: Path, there: int) -> Iterator[Any]:
    """Sends the request; a server whose file has changed since answers with all of it."""
    headers = {"Range": f"bytes={there}-"} if there else {}
    if there and _tag_of(part).exists():
        headers["If-Range"] = _tag_of(part).read_text()
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 - the zoo's addresses, or the user's own mirror
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            _drop(part)
            raise _BrokenOffError("what was here of it cannot be continued") from error
        kind = _BrokenOffError if error.code in _PASSING else NotThereError
        raise kind(f"{address}: {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = str(getattr(error, "reason", error))
        if address.startswith("file:"):
            raise NotThereError(f"{address}: {reason}") from error
        raise _BrokenOffError(reason) from error
    with answer:
        yield answer


def _chunks(answer: Any) -> Iterator[bytes]:
    """The body as it comes."""
    while True:
        try:
            chunk = answer.read1(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _BrokenOffError(f"the connection broke off: {error}") from error
        if not chunk:
            return
        yield chunk


def _tag_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.etag")


def _write_tag(part: Path, tag: str | None) -> None:
    """Remembers which file `part` is of; weak tags do not tell bytes apart (RFC 9110, 13.1.5)."""
    if tag and tag.startswith('"'):
        _tag_of(part).write_text(tag)
    else:
        _tag_of(part).unlink(missing_ok=True)


def _drop(part: Path) -> None:
    part.unlink(missing_ok=True)
    _tag_of(part).unlink(missing_ok=True)
