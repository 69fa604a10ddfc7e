"""Finds the markers of a JPEG as its decoder does; start at `segments`."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

START_OF_FRAME, START, END, START_OF_SCAN = 0xC0, 0xD8, 0xD9, 0xDA
# Fill bytes may come before a marker, and garbage before those. FF00, the restart markers and TEM
# have no contents, so they are skipped like garbage
_MARKER = re.compile(rb"\xff+([\x02-\xcf\xd8-\xfe])")


def segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yields each segment's marker and the position of its contents (after its length, if any).

    Skips garbage between segments in the same way as libjpeg (`next_marker` in jdmarker.c), so
    that the segments found here are the ones that the decoder finds. Stops at the end of the image,
    or of the data.

    Raises:
        struct.error: the data end within a segment's length.
    """
    position = 2
    while found := _MARKER.search(data, position):
        marker = found[1][0]
        position = found.end()
        if marker in (START, END):
            yield marker, position
            if marker == END:
                return
            continue
        (length,) = struct.unpack_from(">H", data, position)
        yield marker, position + 2
        position += max(2, length)
