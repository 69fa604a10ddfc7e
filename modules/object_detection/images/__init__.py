"""Bytes <-> pixels; start at `decode_image` and `encode_image`.

Each picture format is one file, such as png.py, and one line in registry.py; see format.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from .registry import FORMATS, find_format, list_suffixes

__all__ = ["FORMATS", "Image", "decode_image", "encode_image", "list_suffixes"]

_MAX_SIDE = 1 << 20  # OpenCV's CV_IO_MAX_IMAGE_WIDTH and _HEIGHT


@dataclass(frozen=True)
class Image:
    """Decoded pixels, `(H, W, 3)` uint8 BGR, upright, and the name of the format they came in."""

    pixels: NDArray[np.uint8]
    format: str

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[0])


def decode_image(data: bytes, *, max_pixels: int) -> Image:
    """Decodes an image to the pixels that a person would see.

    The EXIF orientation is applied. Grey and palette images become BGR, 16 bits per channel become
    8, CMYK is converted, an alpha channel is dropped. Of several pages or frames, the first is
    decoded.

    Raises:
        ImageError: the data are not an image, of no supported format, corrupt, cut off, or of more
            than `max_pixels` pixels; the number of pixels is checked before memory is spent on
            them.
    """
    format_ = find_format(data)
    width, height = format_.size(data)
    size = f"{width} x {height} pixels"
    if width * height > max_pixels:
        raise ImageError(
            f"{size} are too many: {width * height:,}; at most {max_pixels:,} are allowed "
            "(MAX_IMAGE_PIXELS)"
        )
    if max(width, height) > _MAX_SIDE:
        raise ImageError(f"{size} are too many for one side; at most {_MAX_SIDE:,} are allowed")
    safe_data = format_.make_safe(data, max_pixels)
    try:
        pixels = format_.decode(safe_data)
    except ImageError as error:
        raise ImageError(
            f"a {format_.name.upper()} of {size} that cannot be decoded: {error}"
        ) from error
    return Image(pixels, format_.name)


def encode_image(pixels: NDArray[np.uint8], format_name: str) -> bytes:
    """Encodes `(H, W, 3)` uint8 BGR in one of `FORMATS`, or as JPEG if that is only read.

    Raises:
        ImageError: the format cannot hold an image of this size (WebP: at most 16,383 pixels per
            side).
    """
    try:
        return FORMATS[format_name].encode(pixels)
    except ImageError as error:
        height, width = pixels.shape[:2]
        name = FORMATS[format_name].media_type.removeprefix("image/").upper()
        raise ImageError(
            f"{width} x {height} pixels cannot be encoded as {name}: {error}"
        ) from error
