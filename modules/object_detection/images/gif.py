"""The GIF format; see `FORMAT`. Of an animation, the first frame is read, by Pillow."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from . import jpeg, pillow_codec
from .format import Format

_SIGNATURES = (b"GIF87a", b"GIF89a")
_HEADER_BYTES = 13
_EXTENSION, _IMAGE, _END = b"!", b",", b";"
_HAS_PALETTE, _PALETTE_BITS = 0x80, 7
_MAX_BLOCKS = 1 << 20  # of 255 bytes, before the first frame


def _recognises(data: bytes) -> bool:
    return data.startswith(_SIGNATURES)


def _read_size(data: bytes) -> tuple[int, int]:
    """Reads the size of the canvas, which a first frame beyond its edges extends (GIF89a, 18, 20).

    Browsers and Pillow extend it, too.
    """
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    left, top, frame_width, frame_height = _find_frame(data, _skip_palette(flags, _HEADER_BYTES))
    if not frame_width or not frame_height:
        raise ImageError(f"a GIF whose first frame has {frame_width} x {frame_height} pixels")
    return max(width, left + frame_width), max(height, top + frame_height)


def _skip_palette(flags: int, position: int) -> int:
    return position + (3 << (flags & _PALETTE_BITS) + 1 if flags & _HAS_PALETTE else 0)


def _find_frame(data: bytes, position: int) -> tuple[int, int, int, int]:
    """Returns left, top, width and height of the first frame, after the extensions before it."""
    for _ in range(_MAX_BLOCKS):
        kind = data[position : position + 1]
        if kind == _IMAGE:
            left, top, width, height = struct.unpack_from("<4H", data, position + 1)
            return left, top, width, height
        if kind == _END:
            raise ImageError("a GIF without a frame")
        position += 1
        if kind != _EXTENSION:
            if not kind:
                break
            continue  # Pillow and browsers skip stray bytes
        position += 1
        while length := struct.unpack_from("B", data, position)[0]:
            position += 1 + length
        position += 1
    raise ImageError("a GIF that is cut off before its first frame")


def _decode(data: bytes) -> NDArray[np.uint8]:
    from PIL.GifImagePlugin import GifImageFile

    return pillow_codec.to_bgr(pillow_codec.load(GifImageFile, data))


FORMAT = Format(
    name="gif",
    suffixes=(".gif",),
    media_type=jpeg.FORMAT.media_type,
    annotated_suffix=".jpg",
    recognises=_recognises,
    read_size=_read_size,
    decode=_decode,
    encode=jpeg.FORMAT.encode,
)
