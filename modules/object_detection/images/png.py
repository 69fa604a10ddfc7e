"""The PNG format; see `FORMAT`."""

from __future__ import annotations

import functools
import struct

from ...errors import ImageError
from . import opencv_codec
from .format import Format

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PICTURE_CHUNKS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"eXIf")  # eXIf holds the orientation


def _recognises(data: bytes) -> bool:
    return data.startswith(_SIGNATURE)


def _read_size(data: bytes) -> tuple[int, int]:
    """Reads the size in the IHDR chunk, which must come first (PNG specification, 11.2.2)."""
    if data[8:16] != b"\0\0\0\x0dIHDR":
        raise ImageError("a PNG that does not start with an IHDR chunk of 13 bytes")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _keep_picture_chunks(data: bytes, max_pixels: int) -> bytes:
    """Returns the PNG without texts, profiles, and frames after the first.

    Compressed texts can grow a thousandfold, and each malformed chunk is a line in the log. OpenCV
    allocates a chunk's length, up to 4 GB, before it checks that the file is that long.
    """
    kept = [_SIGNATURE]
    position = len(_SIGNATURE)
    kind = b""
    while kind != b"IEND":
        try:
            length, kind = struct.unpack_from(">I4s", data, position)
        except struct.error:
            raise ImageError("a PNG that is cut off: it has no IEND chunk") from None
        end = position + 12 + length
        if end > len(data):
            raise ImageError(
                f"a PNG that is cut off: a chunk of {length:,} bytes ends {end - len(data):,} "
                "bytes after the end of the file"
            )
        if kind in _PICTURE_CHUNKS:
            kept.append(data[position:end])
        position = end
    return b"".join(kept)


FORMAT = Format(
    name="png",
    suffixes=(".png",),
    media_type="image/png",
    recognises=_recognises,
    read_size=_read_size,
    make_safe=_keep_picture_chunks,
    decode=opencv_codec.decode,
    encode=functools.partial(opencv_codec.encode, "png"),
)
