"""The TIFF format; see `FORMAT`. `read_directory` reads the description of the first page.

TIFF 6.0, section 2, and BigTIFF, which has 64 bits where TIFF has 32.
"""

from __future__ import annotations

import functools
import struct

from ...errors import ImageError
from . import opencv_codec
from .format import Format

_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WIDTH, _LENGTH, _BITS_PER_SAMPLE, _COMPRESSION = 256, 257, 258, 259
_TILE_WIDTH, _TILE_LENGTH = 322, 323
# None, three kinds of fax, LZW, JPEG, deflate, PackBits, older deflate. OpenCV decodes others to
# black
_COMPRESSIONS = (1, 2, 3, 4, 5, 7, 8, 32773, 32946)
_MAX_ENTRIES = 4096  # libtiff's own limit
# The struct codes of the integer types: BYTE to LONG8, SBYTE to SLONG8, and offsets
_CODES = {1: "B", 3: "H", 4: "I", 16: "Q", 6: "b", 8: "h", 9: "i", 17: "q", 13: "I", 18: "Q"}


def read_directory(data: bytes) -> dict[int, int]:
    """Reads the first directory: the first number of each tag that holds integers.

    If a tag occurs twice, only the first occurrence counts, as in libtiff.

    Raises:
        struct.error: the data end before the directory does.
    """
    order = "<" if data[:2] == b"II" else ">"
    is_big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    word, at, count_code, entry_size = ("Q", 8, "Q", 20) if is_big else ("I", 4, "H", 12)
    (directory,) = struct.unpack_from(f"{order}{word}", data, at)
    (count,) = struct.unpack_from(f"{order}{count_code}", data, directory)
    first = directory + struct.calcsize(f"{order}{count_code}")
    numbers: dict[int, int] = {}
    seen = set()
    for entry in range(first, first + min(count, _MAX_ENTRIES) * entry_size, entry_size):
        tag, kind, values = struct.unpack_from(f"{order}HH{word}", data, entry)
        if tag in seen:
            continue
        seen.add(tag)
        if kind not in _CODES or not values:
            continue
        position = entry + 4 + struct.calcsize(f"{order}{word}")
        code = f"{order}{_CODES[kind]}"
        if values * struct.calcsize(code) > struct.calcsize(f"{order}{word}"):
            # Values that do not fit into the entry are elsewhere; the entry holds their position
            (position,) = struct.unpack_from(f"{order}{word}", data, position)
        if position + struct.calcsize(code) <= len(data):
            (numbers[tag],) = struct.unpack_from(code, data, position)
    return numbers


def _recognises(data: bytes) -> bool:
    return data[:4] in _MAGICS


def _read_size(data: bytes) -> tuple[int, int]:
    """Reads ImageWidth and ImageLength of the first page."""
    directory = read_directory(data)
    if _WIDTH not in directory or _LENGTH not in directory:
        raise ImageError("a TIFF that does not state its size (ImageWidth and ImageLength)")
    bits = directory.get(_BITS_PER_SAMPLE, 1)
    if bits > 16:
        raise ImageError(f"a TIFF with {bits} bits per sample; it must have at most 16")
    compression = directory.get(_COMPRESSION, 1)
    if compression not in _COMPRESSIONS:
        raise ImageError(
            f"a TIFF with compression {compression}, which is not supported; "
            "it must be LZW, deflate, PackBits, JPEG, fax or none"
        )
    return directory[_WIDTH], directory[_LENGTH]


def _check_tiles(data: bytes, max_pixels: int) -> bytes:
    """Returns `data` if its tiles are small enough.

    A tile may be larger than the picture, and the decoder allocates all of it.
    """
    directory = read_directory(data)
    width, height = directory.get(_TILE_WIDTH, 0), directory.get(_TILE_LENGTH, 0)
    if width * height > max_pixels:
        raise ImageError(
            f"a TIFF with tiles of {width} x {height} pixels, which is too many; "
            f"at most {max_pixels:,} are allowed (MAX_IMAGE_PIXELS)"
        )
    return data


FORMAT = Format(
    name="tiff",
    suffixes=(".tif", ".tiff"),
    media_type="image/tiff",
    recognises=_recognises,
    read_size=_read_size,
    make_safe=_check_tiles,
    decode=opencv_codec.decode,
    encode=functools.partial(opencv_codec.encode, "tiff"),
)
