"""The mark of a crop: a comment in the JPEG says what was cut from which image; see `add_mark`.

By its mark, a later run knows a crop that this project has written, of which image it is, and that
nobody has changed it since. So it can replace and delete its own crops, and no other file.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any

_START = b"\xff\xd8\xff\xe0"  # the beginning of a JPEG, and of the segment APP0, which comes first
_COMMENT = b"\xff\xfe"
_MOST_CHARACTERS = 2_000  # of a label or a key; a comment holds 65,533 bytes
_DIGEST = "sha256"


def add_mark(jpeg: bytes, facts: Mapping[str, Any]) -> bytes:
    """Returns a JPEG with a comment: the facts in JSON, and the SHA-256 of the JPEG without it.

    Args:
        jpeg: begins with the segment APP0, as OpenCV's encoder writes it.
        facts: `crop_of`, the key of the image, and others.
    """
    short = {
        name: _shorten(value) if isinstance(value, str) else value for name, value in facts.items()
    }
    mark = {**short, _DIGEST: hashlib.sha256(jpeg).hexdigest()}
    text = json.dumps(mark).encode()  # ASCII, as some programs show comments in Latin-1
    place = _place(jpeg)
    return jpeg[:place] + _COMMENT + struct.pack(">H", len(text) + 2) + text + jpeg[place:]


def read_mark(data: bytes) -> dict[str, Any] | None:
    """Returns the facts of a crop; None for any other file, and for a crop that was changed."""
    try:
        place = _place(data)
        (length,) = struct.unpack_from(">H", data, place + len(_COMMENT))
        end = place + len(_COMMENT) + length
        if not data.startswith(_START) or data[place : place + len(_COMMENT)] != _COMMENT:
            return None
        facts = json.loads(data[place + len(_COMMENT) + 2 : end])
        digest = facts.pop(_DIGEST)
        is_whole = digest == hashlib.sha256(data[:place] + data[end:]).hexdigest()
        return facts if is_whole and isinstance(facts["crop_of"], str) else None
    except (struct.error, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def is_crop_of(facts: Mapping[str, Any], key: str) -> bool:
    """Returns whether a crop with these facts was cut from the image with this key."""
    return bool(facts["crop_of"] == _shorten(key))


def _shorten(text: str) -> str:
    """Returns a text, or its beginning and its SHA-256 if it is too long for a comment."""
    if len(text) <= _MOST_CHARACTERS:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[: _MOST_CHARACTERS - len(digest)]}{digest}"


def _place(jpeg: bytes) -> int:
    """Returns where the comment is: after APP0."""
    (length,) = struct.unpack_from(">H", jpeg, len(_START))
    return len(_START) + int(length)
