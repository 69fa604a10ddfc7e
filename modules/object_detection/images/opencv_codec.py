"""Decodes and encodes pictures with OpenCV, for the formats that it knows."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from .colour_profile import convert_to_srgb
from .orientation import UPRIGHT, turn_upright

# A codec's complaints are raised as ImageError. If each were also a log line, one damaged file
# could fill the logs
if "OPENCV_LOG_LEVEL" not in os.environ:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def decode(
    data: bytes,
    *,
    orientation: int = UPRIGHT,
    profile: bytes = b"",
    find_fault: Callable[[], str] = lambda: "it is cut off or corrupt",
) -> NDArray[np.uint8]:
    """Decodes a file to `(H, W, 3)` uint8 BGR in sRGB, upright; of several pages, the first.

    OpenCV's own turning is switched off, since it reads the orientation in fewer places. (Of TIFFs
    it turns nevertheless.)

    Args:
        data: the file.
        orientation: EXIF's number for the way the picture is stored.
        profile: the ICC profile of the picture; empty for none.
        find_fault: gives the reason if OpenCV fails, which hides its own.

    Raises:
        ImageError: OpenCV cannot decode it; the message is the reason.
    """
    pixels: NDArray[np.uint8] | None
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ImageError(find_fault()) from error
    if pixels is None:
        raise ImageError(find_fault())
    return turn_upright(convert_to_srgb(pixels, profile), orientation)


def encode(name: str, pixels: NDArray[np.uint8], options: Sequence[int] = ()) -> bytes:
    """Encodes `(H, W, 3)` uint8 BGR in the format `name`, such as "png".

    Args:
        name: the format, which OpenCV also accepts as a file name suffix.
        pixels: the picture.
        options: pairs of one of OpenCV's `IMWRITE_` flags and its value.

    Raises:
        ImageError: OpenCV cannot encode it; the message is the reason.
    """
    try:
        done, data = cv2.imencode(f".{name}", pixels, options)
    except cv2.error as error:
        raise ImageError(str(error.err)) from error
    if not done:
        raise ImageError("the encoder refused it; a side may be too long for the format")
    return bytes(data)
