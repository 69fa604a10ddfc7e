"""The BMP format; see `FORMAT`.

OpenCV decodes palettes of 1, 4 and 8 bits, 24 bits, and run lengths. It knows few colour masks, and
looks for them in one place only, so that pixels of 16 and 32 bits are decoded here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from . import opencv_codec
from .bmp_header import BYTE_MASKS, RUN_LENGTH_4, RUN_LENGTH_8, Header, read_header
from .colour_profile import convert_to_srgb
from .format import Format
from .packed_numbers import unpack_bits

_HEADER_SIZE_END = 18  # the position after the size of the header, a 32-bit number
_OS2_SHORT_HEADER = 16  # which OpenCV does not know
_OPENCV_BITS = (1, 4, 8, 24)
_PART_PIXELS = 1 << 18


def _recognises(data: bytes) -> bool:
    """Returns whether the data begin with BM and a header of less than 256 bytes.

    Texts that begin with BM have no zeros there.
    """
    if len(data) < _HEADER_SIZE_END:
        return data[:2] == b"BM" and (len(data) == 2 or b"\0" in data)
    return data[:2] == b"BM" and data[15:_HEADER_SIZE_END] == bytes(3)


def _read_size(data: bytes) -> tuple[int, int]:
    header = read_header(data)
    return header.width, abs(header.height)


def _decode(data: bytes) -> NDArray[np.uint8]:
    header = read_header(data)
    is_run_length = header.compression in (RUN_LENGTH_4, RUN_LENGTH_8)
    if not is_run_length:
        missing = header.pixels_at + header.row_bytes * abs(header.height) - len(data)
        if missing > 0:
            raise ImageError(f"it is cut off: {missing:,} bytes of its pixels are missing")
    if header.size != _OS2_SHORT_HEADER and header.bits in _OPENCV_BITS:
        fault = (
            "it is cut off, or its run lengths are corrupt" if is_run_length else "it is corrupt"
        )
        return opencv_codec.decode(data, profile=header.profile, find_fault=lambda: fault)
    pixels = np.empty((abs(header.height), header.width, 3), np.uint8)
    upright = pixels if header.height < 0 else pixels[::-1]  # stored from the bottom
    convert = _convert_palette if header.bits <= 8 else _convert_masks
    for top, rows in _read_rows(data, header):
        upright[top : top + len(rows)] = convert(data, header, rows)
    return convert_to_srgb(pixels, header.profile)


def _read_rows(data: bytes, header: Header) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yields some rows of bytes at a time, and the number of the first, as they are stored."""
    height = abs(header.height)
    stored = np.frombuffer(data, np.uint8, header.row_bytes * height, header.pixels_at)
    rows = stored.reshape(height, header.row_bytes)
    step = max(1, _PART_PIXELS // header.width)
    for top in range(0, height, step):
        yield top, rows[top : top + step]


def _convert_masks(data: bytes, header: Header, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Converts pixels of 16 to 32 bits to `(h, w, 3)` BGR, by their masks; alpha is dropped."""
    if header.bits == 24 or header.masks == BYTE_MASKS:
        size = header.bits // 8
        return rows[:, : header.width * size].reshape(len(rows), -1, size)[..., :3]
    numbers = rows.view("<u2" if header.bits == 16 else "<u4")[:, : header.width]
    bgr = np.empty((*numbers.shape, 3), np.uint8)
    for channel, mask in enumerate(reversed(header.masks)):
        if not mask:
            bgr[..., channel] = 0
            continue
        lowest, highest = (mask & -mask).bit_length() - 1, mask.bit_length()
        lowest = max(lowest, highest - 16)
        most = 2 ** (highest - lowest) - 1
        levels = np.round(np.arange(most + 1) * (255 / most)).astype(np.uint8)
        bgr[..., channel] = levels[(numbers & mask) >> lowest]
    return bgr


def _convert_palette(data: bytes, header: Header, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Converts pixels of 1 to 8 bits to `(h, w, 3)` BGR; numbers beyond the palette are black."""
    count = min(header.colours or 2**header.bits, 2**header.bits)
    stored = data[header.palette_at : header.palette_at + count * header.palette_entry]
    count = len(stored) // header.palette_entry
    entries = np.frombuffer(stored, np.uint8, count * header.palette_entry)
    palette = np.zeros((2**header.bits, 3), np.uint8)
    palette[:count] = entries.reshape(count, header.palette_entry)[:, :3]
    numbers = rows if header.bits == 8 else unpack_bits(rows, header.bits)
    return palette[numbers[:, : header.width]]


FORMAT = Format(
    name="bmp",
    suffixes=(".bmp", ".dib"),
    media_type="image/bmp",
    recognises=_recognises,
    read_size=_read_size,
    decode=_decode,
    encode=functools.partial(opencv_codec.encode, "bmp"),
)
