"""Walks the markers of a JPEG as its decoder does; start at `segments`."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

_START, _END = 0xD8, 0xD9
# Fill bytes may stand before a marker, and garbage before those. FF00, the restart markers and TEM
# hold nothing, so they pass for garbage
_MARKER = re.compile(rb"\xff+([\x02-\xcf\xd8-\xfe])")


def segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Each segment's marker, and where its contents lie: after its length, where it has one.

    Garbage between segments is passed over, as libjpeg does it (`next_marker` in jdmarker.c), so
    that what is found here is what the decoder will find. Ends with the image, or with the data.

    Raises:
        struct.error: the data end within a segment's length.
    """
    position = 2
    while found := _MARKER.search(data, position):
        marker = found[1][0]
        position = found.end()
        if marker in (_START, _END):
            yield marker, position
            if marker == _END:
                return
            continue
        (length,) = struct.unpack_from(">H", data, position)
        yield marker, position + 2
        position += max(2, length)
