"""Reads the description of a TIFF's first page; start at `read_directory`.

TIFF 6.0, section 2, and BigTIFF, which has 64 bits where TIFF has 32.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_MAX_ENTRIES = 4096  # libtiff's own limit
# The struct codes of the integer types: BYTE to LONG8, SBYTE to SLONG8, and offsets
_CODES = {1: "B", 3: "H", 4: "I", 16: "Q", 6: "b", 8: "h", 9: "i", 17: "q", 13: "I", 18: "Q"}
_BYTE_TYPES = (1, 2, 7)  # BYTE, ASCII, UNDEFINED


@dataclass(frozen=True)
class Directory:
    """The first directory of a TIFF. A tag's values are read when they are asked for.

    Attributes:
        data: the file.
        order: "<" or ">", the byte order, for struct and numpy.
        entries: (type, number of values, position of the first value) of each tag.
    """

    data: bytes
    order: str
    entries: dict[int, tuple[int, int, int]]

    def numbers(self, tag: int, limit: int) -> tuple[int, ...]:
        """Reads up to `limit` integers of a tag; none if it is missing or not of integers."""
        kind, count, position = self.entries.get(tag, (0, 0, 0))
        if kind not in _CODES:
            return ()
        size = struct.calcsize(_CODES[kind])
        there = min(count, limit, max(0, len(self.data) - position) // size)
        values = self.data[position : position + there * size]
        return struct.unpack(f"{self.order}{there}{_CODES[kind]}", values)

    def number(self, tag: int, default: int = 0) -> int:
        """Reads the first integer of a tag."""
        numbers = self.numbers(tag, 1)
        return numbers[0] if numbers else default

    def content(self, tag: int, limit: int) -> bytes:
        """Reads a tag of bytes, such as a profile; empty if it is missing or too long."""
        kind, count, position = self.entries.get(tag, (0, 0, 0))
        if kind not in _BYTE_TYPES or count > limit:
            return b""
        return self.data[position : position + count]


def read_directory(data: bytes) -> Directory:
    """Reads where the values of each tag of the first directory are.

    If a tag occurs twice, only the first occurrence counts, as in libtiff.

    Raises:
        struct.error: the data end before the directory does.
    """
    order = "<" if data[:2] == b"II" else ">"
    is_big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    word, at, count_code, entry_size = ("Q", 8, "Q", 20) if is_big else ("I", 4, "H", 12)
    (start,) = struct.unpack_from(f"{order}{word}", data, at)
    (count,) = struct.unpack_from(f"{order}{count_code}", data, start)
    first = start + struct.calcsize(f"{order}{count_code}")
    entries: dict[int, tuple[int, int, int]] = {}
    for entry in range(first, first + min(count, _MAX_ENTRIES) * entry_size, entry_size):
        tag, kind, values = struct.unpack_from(f"{order}HH{word}", data, entry)
        position = entry + 4 + struct.calcsize(f"{order}{word}")
        size = struct.calcsize(f"{order}{_CODES.get(kind, 'B')}")
        if values * size > struct.calcsize(f"{order}{word}"):
            # Values that do not fit into the entry are elsewhere; the entry holds their position
            (position,) = struct.unpack_from(f"{order}{word}", data, position)
        entries.setdefault(tag, (kind, values, position))
    return Directory(data, order, entries)
