"""Reads what a JPEG's segments say about its pixels; see `read_metadata`."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .jpeg_markers import END, START_OF_SCAN, segments
from .orientation import EXIF_PREFIX, UPRIGHT, choose_orientation

_EXIF_AND_XMP, _PROFILE = 0xE1, 0xE2  # APP1, APP2
_XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
_PROFILE_PREFIX = b"ICC_PROFILE\0"


@dataclass(frozen=True)
class Metadata:
    """What counts for a picture's pixels.

    Attributes:
        orientation: EXIF's number, 1 to 8.
        profile: the ICC profile; empty if there is none or a part of it is missing.
    """

    orientation: int = UPRIGHT
    profile: bytes = b""


def read_metadata(data: bytes) -> Metadata:
    """Reads the segments before the first scan: EXIF, XMP and the profile.

    Of several EXIF segments the first counts, as in libexif.
    """
    exif = xmp = b""
    parts: dict[int, bytes] = {}
    count = 0
    try:
        for marker, position in segments(data):
            if marker in (START_OF_SCAN, END):
                break
            if marker not in (_EXIF_AND_XMP, _PROFILE):
                continue
            (length,) = struct.unpack_from(">H", data, position - 2)
            end = position - 2 + length
            if marker == _PROFILE:
                if data.startswith(_PROFILE_PREFIX, position):
                    at = position + len(_PROFILE_PREFIX)
                    number, count = struct.unpack_from("BB", data, at)
                    parts.setdefault(number, data[at + 2 : end])
            elif not exif and data.startswith(EXIF_PREFIX, position):
                exif = data[position:end]
            elif not xmp and data.startswith(_XMP_PREFIX, position):
                xmp = data[position:end]
    except struct.error:  # cut off; the decoder says so
        return Metadata()
    return Metadata(choose_orientation(exif, xmp), _join(parts, count))


def _join(parts: dict[int, bytes], count: int) -> bytes:
    """Joins a profile's parts, numbered from 1 (ICC.1:2022, B.4); empty if one is missing."""
    if not parts or sorted(parts) != list(range(1, count + 1)):
        return b""
    return b"".join(parts[number] for number in range(1, count + 1))
