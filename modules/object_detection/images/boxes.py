"""Reads the boxes that HEIF, AVIF and JP2 files consist of; see `read_boxes`.

ISO/IEC 14496-12, 4.2, and ISO/IEC 15444-1, I.4: a length, a kind of four bytes, a body.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import ImageError

_HEADER = struct.Struct(">I4s")
_MAX_BOXES = 1 << 16  # side by side; files have a few hundred


@dataclass(frozen=True)
class Box:
    """A box. kind: its four bytes. start, end: the positions of its body in the file."""

    kind: bytes
    start: int
    end: int


def read_boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yields the boxes from `start` to `end`, by default all of the file.

    A box that is longer than its surroundings ends where they end.

    Raises:
        ImageError: a length is impossible.
    """
    end = len(data) if end is None else end
    for _ in range(_MAX_BOXES):
        if start + _HEADER.size > end:
            return
        length, kind = _HEADER.unpack_from(data, start)
        body = start + _HEADER.size
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, body)
            body += 8
        elif length == 0:  # it extends to the end
            length = end - start
        if start + length < body:
            raise ImageError(f"a box {kind!r} has the impossible length of {length} bytes")
        yield Box(kind, min(body, end), min(start + length, end))
        start += length


def find_box(data: bytes, kind: bytes, start: int = 0, end: int | None = None) -> Box | None:
    """Returns the first box of a kind; None if there is none."""
    return next((box for box in read_boxes(data, start, end) if box.kind == kind), None)
