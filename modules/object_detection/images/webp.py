"""The WebP format; see `FORMAT`. It holds at most 16,383 pixels per side."""

from __future__ import annotations

import functools
import struct

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from . import opencv_codec
from .format import Format
from .orientation import choose_orientation

_QUALITY = 90
_EXIF, _XMP, _PROFILE = b"EXIF", b"XMP ", b"ICCP"
_MAX_CHUNKS = 10_000  # a chunk per frame, then EXIF and XMP


def _recognises(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def _read_size(data: bytes) -> tuple[int, int]:
    """Reads the size in the first chunk (WebP container specification; RFC 6386, 9.1; RFC 9649)."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + _uint24(data, 24), 1 + _uint24(data, 27)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ImageError(f"a WEBP with an unknown first chunk, {kind!r}; it must be VP8, VP8L or VP8X")


def _uint24(data: bytes, position: int) -> int:
    low, high = struct.unpack_from("<HB", data, position)
    return int(low | high << 16)


def _find_fault(data: bytes) -> str:
    """Returns why a WebP cannot be decoded, as far as its container tells."""
    missing = 8 + struct.unpack_from("<I", data, 4)[0] - len(data)
    if missing > 0:
        return f"it is cut off: {missing:,} bytes are missing"
    if not any(kind in data for kind in (b"VP8 ", b"VP8L")):
        return "it has no picture (VP8 or VP8L)"
    return "it is corrupt"


def _decode(data: bytes) -> NDArray[np.uint8]:
    """Decodes the picture, or the first frame, as the chunks beside it say."""
    chunks: dict[bytes, bytes] = {}
    if data[12:16] == b"VP8X":
        position = 12
        for _ in range(_MAX_CHUNKS):
            if position + 8 > len(data):
                break
            kind, length = struct.unpack_from("<4sI", data, position)
            if kind in (_EXIF, _XMP, _PROFILE):
                chunks.setdefault(kind, data[position + 8 : position + 8 + length])
            position += 8 + length + length % 2
    return opencv_codec.decode(
        data,
        orientation=choose_orientation(chunks.get(_EXIF, b""), chunks.get(_XMP, b"")),
        profile=chunks.get(_PROFILE, b""),
        find_fault=lambda: _find_fault(data),
    )


FORMAT = Format(
    name="webp",
    suffixes=(".webp",),
    media_type="image/webp",
    recognises=_recognises,
    read_size=_read_size,
    decode=_decode,
    encode=functools.partial(
        opencv_codec.encode, "webp", options=(cv2.IMWRITE_WEBP_QUALITY, _QUALITY)
    ),
)
