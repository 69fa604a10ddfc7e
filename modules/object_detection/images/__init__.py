"""Bytes <-> pixels; start at `decode_image` and `encode_image`."""

from __future__ import annotations

import os
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from .bombs import defuse
from .header import read_header
from .jpeg_strips import encode_jpeg

# What a codec complains of becomes an ImageError; a line each would let one file fill the logs
if "OPENCV_LOG_LEVEL" not in os.environ:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

_JPEG_QUALITY = 92
_MAX_SIDE = 1 << 20  # OpenCV's CV_IO_MAX_IMAGE_WIDTH and _HEIGHT


@dataclass(frozen=True)
class Format:
    """How a format is named and written. encoder: OpenCV's options for it."""

    suffixes: tuple[str, ...]
    media_type: str
    encoder: tuple[int, ...] = ()


FORMATS = {
    "jpeg": Format((".jpg", ".jpeg"), "image/jpeg"),
    "png": Format((".png",), "image/png"),
    "webp": Format((".webp",), "image/webp", (cv2.IMWRITE_WEBP_QUALITY, 90)),
    "tiff": Format((".tif", ".tiff"), "image/tiff"),
    "bmp": Format((".bmp",), "image/bmp"),
}
SUFFIXES = tuple(suffix for format_ in FORMATS.values() for suffix in format_.suffixes)


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
    """Decodes an image to what a person would see of it.

    EXIF orientation is applied, grey and palettes become BGR, 16 bits a channel become 8, CMYK is
    converted, an alpha channel is dropped, and of several pages or frames the first is taken.

    Raises:
        ImageError: not an image, of no supported format, corrupt, cut off, or of more than
            `max_pixels` pixels, which is found out before memory is spent on them.
    """
    header = read_header(data)
    size = f"{header.width} x {header.height} pixels"
    if header.pixels > max_pixels:
        raise ImageError(
            f"{size} are too many: {header.pixels:,}; at most {max_pixels:,} are allowed "
            "(MAX_IMAGE_PIXELS)"
        )
    if max(header.width, header.height) > _MAX_SIDE:
        raise ImageError(f"{size} are too many for one side; at most {_MAX_SIDE:,} are allowed")
    picture = defuse(data, header.format, max_pixels=max_pixels)
    try:
        pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ImageError(
            f"a {header.format.upper()} that cannot be decoded: {error.err}"
        ) from error
    if pixels is None:
        raise ImageError(
            f"a {header.format.upper()} of {size} that cannot be decoded: "
            "it is cut off, corrupt or of a kind that is not supported"
        )
    return Image(pixels, header.format)


def encode_image(pixels: NDArray[np.uint8], format_name: str) -> bytes:
    """Encodes `(H, W, 3)` uint8 BGR in one of `FORMATS`.

    Raises:
        ImageError: the format cannot hold an image of this size (WebP ends at 16,383 a side).
    """
    format_ = FORMATS[format_name]
    try:
        if format_name == "jpeg":
            return encode_jpeg(pixels, quality=_JPEG_QUALITY, threads=cv2.getNumThreads())
        done, data = cv2.imencode(format_.suffixes[0], pixels, format_.encoder)
    except cv2.error as error:
        raise ImageError(f"cannot be encoded as {format_name.upper()}: {error.err}") from error
    if not done:
        raise ImageError(f"cannot be encoded as {format_name.upper()}")
    return bytes(data)
