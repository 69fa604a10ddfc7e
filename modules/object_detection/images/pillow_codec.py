"""Decodes pictures with Pillow, for the formats that OpenCV does not know; see `load`, `to_bgr`.

Each format names the one class of Pillow that reads it. Pillow's own search by contents, which
tries every format that it knows and may start Ghostscript, is never used.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError

if TYPE_CHECKING:
    import PIL.Image
    import PIL.ImageFile

# What Pillow's readers raise for files that they cannot decode
_ERRORS = (
    SyntaxError, OSError, ValueError, EOFError, LookupError, TypeError, AttributeError,
    AssertionError, OverflowError, ZeroDivisionError, NotImplementedError, struct.error, zlib.error,
)  # fmt: skip
_STRIP_PIXELS = 1 << 18


def load(reader: type[PIL.ImageFile.ImageFile], data: bytes) -> PIL.Image.Image:
    """Decodes the first frame with one of Pillow's classes.

    Raises:
        ImageError: it cannot be decoded; the message is the reason.
    """
    from PIL.Image import DecompressionBombError

    try:
        image = reader(io.BytesIO(data))
        image.load()
    except (*_ERRORS, DecompressionBombError) as error:
        raise ImageError(str(error) or f"it is corrupt ({type(error).__name__})") from error
    return image


def to_bgr(image: PIL.Image.Image) -> NDArray[np.uint8]:
    """Converts a loaded image to `(H, W, 3)` uint8 BGR, strip by strip; alpha is dropped.

    16-bit grey becomes 8 bits. The colours of transparent pixels stay as they are stored.
    """
    image.info.pop("transparency", None)  # Pillow would look for a colour to put in its place
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        part = image.crop((0, top, image.width, min(top + rows, image.height)))
        if part.mode.startswith("I"):
            deep = np.asarray(part)
            pixels[top : top + rows] = np.clip(deep >> 8, 0, 255)[..., np.newaxis]
        else:
            pixels[top : top + rows] = np.asarray(part.convert("RGB"))[..., ::-1]
    return pixels
