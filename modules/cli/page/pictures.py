"""Makes pictures that every browser shows; see `make_view`."""

from __future__ import annotations

import threading

import cv2

from ...object_detection.images import decode_image, encode_image

_DECODING = threading.Semaphore(2)  # pictures in memory at the same time


def make_view(data: bytes, side: int, max_pixels: int) -> bytes:
    """Returns a picture as JPEG: upright, in sRGB, and shrunk if its longer side is over `side`.

    Browsers lack some formats, and turn others in another way than the function does, so that
    boxes would be at the wrong place.

    Args:
        data: a picture of any format that the function reads.
        side: pixels; 0 for no limit.
        max_pixels: as the setting MAX_IMAGE_PIXELS.

    Raises:
        ImageError: it cannot be decoded.
    """
    with _DECODING:
        image = decode_image(data, max_pixels=max_pixels)
        pixels = image.pixels
        longer = max(image.width, image.height)
        if side and longer > side:
            size = max(1, image.width * side // longer), max(1, image.height * side // longer)
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        return encode_image(pixels, "jpeg")
