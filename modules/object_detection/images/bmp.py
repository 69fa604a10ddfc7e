"""The BMP format; see `FORMAT`."""

from __future__ import annotations

import functools
import struct

from . import opencv_codec
from .format import Format

_CORE_HEADER_SIZE = 12
_HEADER_SIZE_END = 18  # the position after the size of the header, a 32-bit number


def _recognises(data: bytes) -> bool:
    """Returns whether the data begin with BM and a header of less than 256 bytes.

    Texts that begin with BM have no zeros there.
    """
    if len(data) < _HEADER_SIZE_END:
        return data[:2] == b"BM" and (len(data) == 2 or b"\0" in data)
    return data[:2] == b"BM" and data[15:_HEADER_SIZE_END] == bytes(3)


def _read_size(data: bytes) -> tuple[int, int]:
    """Reads the size: 16 bits per side in OS/2's core header, 32 in Windows's.

    A negative height means that the rows are stored from the top.
    """
    (header_size,) = struct.unpack_from("<I", data, 14)
    if header_size == _CORE_HEADER_SIZE:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return width, abs(height)


FORMAT = Format(
    name="bmp",
    suffixes=(".bmp",),
    media_type="image/bmp",
    recognises=_recognises,
    read_size=_read_size,
    decode=opencv_codec.decode,
    encode=functools.partial(opencv_codec.encode, "bmp"),
)
