"""Unpacks one strip or tile of a TIFF to its bytes; see `open_block`."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np

from ...errors import ImageError
from .tiff_layout import DEFLATE, NO_COMPRESSION

Read = Callable[
    [int], bytes | memoryview
]  # returns so many of the next bytes, or raises ImageError
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_MAX_SIDE = 1 << 20  # of a picture that OpenCV decodes
_ENTRIES = (256, 257, 258, 259, 262, 273, 277, 278, 279)  # the tags of `_unpack_with_opencv`


def open_block(packed: memoryview, compression: int, length: int, *, is_reversed: bool) -> Read:
    """Returns a function that reads the unpacked bytes in order, a part at a time.

    Only LZW and PackBits are unpacked at once, and take memory for all bytes.

    Args:
        packed: the bytes in the file.
        compression: none, deflate, LZW or PackBits, as TIFF's number.
        length: how many bytes the block has unpacked.
        is_reversed: whether the bits of each byte are in the opposite order.
    """
    if is_reversed:
        packed = memoryview(bytes(packed).translate(_REVERSED))
    if compression == NO_COMPRESSION:
        return _reader(packed)
    if compression in DEFLATE:
        return _inflater(packed)
    return _reader(_unpack_with_opencv(packed, compression, length))


def _reader(data: memoryview) -> Read:
    position = 0

    def read(count: int) -> memoryview:
        nonlocal position
        part = data[position : position + count]
        position += count
        if len(part) < count:
            raise ImageError("it is cut off: a strip or tile is too short")
        return part

    return read


def _inflater(packed: memoryview) -> Read:
    unpacker = zlib.decompressobj()
    rest: bytes | memoryview = packed

    def read(count: int) -> bytes:
        nonlocal rest
        parts, wanted = [], count
        try:
            while wanted and not unpacker.eof and (part := unpacker.decompress(rest, wanted)):
                rest = unpacker.unconsumed_tail
                parts.append(part)
                wanted -= len(part)
        except zlib.error as error:
            raise ImageError(f"it is corrupt: {error}") from None
        if wanted:
            raise ImageError("it is cut off: a strip or tile is too short")
        return b"".join(parts)

    return read


def _unpack_with_opencv(packed: memoryview, compression: int, length: int) -> memoryview:
    """Unpacks a block as if it were a grey TIFF: libtiff unpacks LZW and PackBits as plain bytes.

    A picture of 16 bits a sample is not converted inside OpenCV, so that it takes the least memory.
    """
    bits, dtype = (16, "<u2") if length % 2 == 0 else (8, "|u1")
    width, height = _find_sides(length * 8 // bits)
    values = (width, height, bits, compression, 1, 8, 1, height, len(packed))
    directory = struct.pack("<H", len(_ENTRIES))
    for tag, value in zip(_ENTRIES, values, strict=True):
        directory += struct.pack("<HHII", tag, 4, 1, value)
    at = 8 + len(packed) + len(packed) % 2
    header = b"II*\0" + struct.pack("<I", at)
    padding = bytes(len(packed) % 2)
    data = np.frombuffer(b"".join((header, packed, padding, directory, bytes(4))), np.uint8)
    try:
        unpacked = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ImageError(str(error.err)) from error
    if unpacked is None:
        raise ImageError("it is cut off or corrupt: a strip or tile cannot be unpacked")
    return memoryview(unpacked.astype(dtype, copy=False)).cast("B")


def _find_sides(count: int) -> tuple[int, int]:
    """Returns two sides, each short enough for OpenCV, whose product is `count`."""
    height = next(
        (rows for rows in range(1, 4097) if count % rows == 0 and count // rows <= _MAX_SIDE), 0
    )
    if not height:
        raise ImageError(f"it has a strip or tile of {count:,} bytes, which cannot be unpacked")
    return count // height, height
