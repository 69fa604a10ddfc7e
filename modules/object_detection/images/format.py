"""The interface of a picture format; see `Format`.

Each format has one file, such as png.py, which defines its `FORMAT`, and one line in registry.py.
A new format needs only these two and its tests.

A format that needs another library than OpenCV imports it inside its `decode` function, so that
only such a picture pays for the import. If pictures of a format are to come back as JPEG, its
`encode` and `media_type` are those of `jpeg.FORMAT`, and its `annotated_suffix` is ".jpg".
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError


def leave_unchanged(data: bytes, max_pixels: int) -> bytes:
    """Returns `data`: the `make_safe` of a format that needs no protection."""
    return data


@dataclass(frozen=True)
class Format:
    """One picture format: how its files are recognised, measured, made safe, read and written.

    The functions are called in this order: `recognises`, `read_size`, `make_safe`, `decode`. A
    decoder learns how large a picture is by allocating memory for it. The first three functions do
    not decode, so that a limit on pixels also holds for a small file with a huge picture.

    Attributes:
        name: the format's name in lower case; upper case in messages.
        suffixes: the file name suffixes, in lower case, with their dot.
        media_type: the media type of what `encode` writes.
        recognises: whether a file is of this format, by its first bytes; never by its name.
        read_size: reads (width, height) in pixels as stored, before any orientation is applied.
            Raises ImageError for a kind that cannot be decoded, struct.error or OverflowError if
            the file ends too early.
        decode: decodes a file to `(H, W, 3)` uint8 BGR, upright. Raises ImageError with only the
            reason; `decode_image` adds the format and the size.
        encode: encodes `(H, W, 3)` uint8 BGR. Raises ImageError in the same way.
        make_safe: returns the same picture without parts that would cost the decoder minutes or
            gigabytes, or raises ImageError. The second argument is the most pixels allowed.
        annotated_suffix: what is added to an image's key for the key of its annotated image: empty
            if pictures of the format come back in the same format, ".jpg" if they come back as
            JPEG.
    """

    name: str
    suffixes: tuple[str, ...]
    media_type: str
    recognises: Callable[[bytes], bool]
    read_size: Callable[[bytes], tuple[int, int]]
    decode: Callable[[bytes], NDArray[np.uint8]]
    encode: Callable[[NDArray[np.uint8]], bytes]
    make_safe: Callable[[bytes, int], bytes] = leave_unchanged
    annotated_suffix: str = ""

    def size(self, data: bytes) -> tuple[int, int]:
        """Reads (width, height) in pixels as stored (orientation not applied) without decoding.

        Raises:
            ImageError: the file is of a rare kind that no decoder here reads, or is cut off or
                corrupt before its size is known.
        """
        try:
            width, height = self.read_size(data)
        except (struct.error, OverflowError):  # a position after the end, or too large for C
            raise ImageError(f"a {self.name.upper()} that is cut off in its header") from None
        if width < 1 or height < 1:
            raise ImageError(
                f"a {self.name.upper()} of {width} x {height} pixels; "
                "each side must have at least 1"
            )
        return width, height
