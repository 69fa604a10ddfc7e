"""Reads the first directory of a TIFF, which describes its first page; start at `read_directory`.

TIFF 6.0, section 2, and BigTIFF, which has 64 bits where TIFF has 32.
"""

from __future__ import annotations

import struct

WIDTH, LENGTH, BITS_PER_SAMPLE, COMPRESSION = 256, 257, 258, 259
TILE_WIDTH, TILE_LENGTH = 322, 323

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MOST_ENTRIES = 4096  # libtiff's own limit
# The types of whole numbers, by their codes: BYTE to LONG8, SBYTE to SLONG8, and offsets
_CODES = {1: "B", 3: "H", 4: "I", 16: "Q", 6: "b", 8: "h", 9: "i", 17: "q", 13: "I", 18: "Q"}


def read_directory(data: bytes) -> dict[int, int]:
    """The first number of each tag that holds whole numbers; of a tag that stands twice, the first.

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
    for entry in range(first, first + min(count, _MOST_ENTRIES) * entry_size, entry_size):
        tag, kind, values = struct.unpack_from(f"{order}HH{word}", data, entry)
        if tag in seen:
            continue
        seen.add(tag)
        if kind not in _CODES or not values:
            continue
        place = entry + 4 + struct.calcsize(f"{order}{word}")
        code = f"{order}{_CODES[kind]}"
        if values * struct.calcsize(code) > struct.calcsize(f"{order}{word}"):
            (place,) = struct.unpack_from(f"{order}{word}", data, place)  # they lie elsewhere
        if place + struct.calcsize(code) <= len(data):
            (numbers[tag],) = struct.unpack_from(code, data, place)
    return numbers
