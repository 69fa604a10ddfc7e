"""Finds an image's format and size from its bytes, without decoding it; start at `read_header`.

A decoder learns how large an image is by allocating memory for it. `read_header` comes first, so
that a limit on pixels also holds for a small file that decodes to a huge picture.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ...errors import ImageError
from .file_kinds import describe
from .registry import FORMATS


@dataclass(frozen=True)
class ImageHeader:
    """A format's name, and the size in pixels as stored (orientation not applied)."""

    format: str
    width: int
    height: int

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


def read_header(data: bytes) -> ImageHeader:
    """Reads the format and the size of an image.

    Raises:
        ImageError: the file is empty, is of no format in `FORMATS`, is of a rare kind that no
            decoder here reads, or is cut off or corrupt before its size is known.
    """
    if not data:
        raise ImageError("the file is empty")
    for name, format_ in FORMATS.items():
        if format_.recognises(data):
            try:
                width, height = format_.read_size(data)
            except (struct.error, OverflowError):  # a position after the end, or too large for C
                raise ImageError(f"a {name.upper()} that is cut off in its header") from None
            if width < 1 or height < 1:
                raise ImageError(
                    f"a {name.upper()} of {width} x {height} pixels; each side must have at least 1"
                )
            return ImageHeader(name, width, height)
    known = ", ".join(name.upper() for name in FORMATS)
    raise ImageError(f"{describe(data)}, not a supported image; images must be one of {known}")
