"""The HEIF format, whose files are mostly called HEIC; see `FORMAT`.

Pictures that are coded with HEVC are read by libheif and libde265 (pi-heif), those coded with AV1
by libavif (Pillow): the codec in the file counts, so that avif.py shares all functions here.
"""

from __future__ import annotations

import functools
import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from . import jpeg
from .colour_profile import convert_to_srgb
from .format import Format
from .heif_brands import is_heif, read_brands
from .heif_pictures import Picture, check_sizes, read_picture
from .orientation import turn_upright

# What libheif and libavif raise for files that they cannot decode
_ERRORS = (ValueError, EOFError, SyntaxError, RuntimeError, OSError)
_STRIP_ROWS = 64


def read_size(name: str, data: bytes) -> tuple[int, int]:
    """Reads the size of the primary picture of a file of the format `name`."""
    try:
        return read_picture(data).size
    except ImageError as error:
        raise ImageError(f"a {name.upper()} that cannot be read: {error}") from error


def check(name: str, data: bytes, max_pixels: int) -> bytes:
    """Returns `data` if the coded pictures have the sizes that the header states."""
    try:
        check_sizes(read_picture(data).items, max_pixels)
    except struct.error:
        raise ImageError(f"a {name.upper()} that is cut off in a picture's header") from None
    except ImageError as error:
        raise ImageError(f"a {name.upper()} that cannot be read: {error}") from error
    return data


def decode(data: bytes) -> NDArray[np.uint8]:
    """Decodes the primary picture to `(H, W, 3)` uint8 BGR in sRGB, upright.

    Raises:
        ImageError: it cannot be decoded; the message is the reason.
    """
    picture = read_picture(data)
    try:
        still = _make_still(data, picture)
        pixels = _decode_av1(still, picture) if picture.is_av1 else _decode_hevc(still, picture)
    except _ERRORS as error:
        raise ImageError(str(error) or type(error).__name__) from error
    if sorted(pixels.shape[:2]) != sorted(picture.size):
        raise ImageError(
            f"its header states {picture.size[0]} x {picture.size[1]} pixels, "
            f"but {pixels.shape[1]} x {pixels.shape[0]} are coded"
        )
    return convert_to_srgb(pixels, picture.profile)


def _make_still(data: bytes, picture: Picture) -> bytes:
    """Returns the file with the brands of a still picture, without EXIF data, not cropped.

    With the brands of a sequence, the libraries look for its frames instead of the still picture.
    libavif refuses pictures whose EXIF data are broken, and libheif those of which much is cropped.
    """
    brand = b"avif" if picture.is_av1 else b"heic"
    still = bytearray(data)
    count = len(read_brands(data)) - 1
    still[8:12] = brand
    still[16 : 16 + 4 * count] = (brand + b"mif1") * (count // 2) + brand * (count % 2)
    for item in picture.items.by_number.values():
        if item.kind == b"Exif":
            still[item.kind_at : item.kind_at + 4] = b"none"
    cropping = picture.items.by_number[picture.items.primary].find(b"clap")
    if cropping is None:
        return bytes(still)
    (width, height), one = picture.stored, b"\0\0\0\1"
    everything = struct.pack(">I4sI4s4x4s4x4s", width, one, height, one, one, one)
    return bytes(still.replace(b"clap" + cropping, b"clap" + everything))


def _decode_hevc(data: bytes, picture: Picture) -> NDArray[np.uint8]:
    """Decodes with libheif, which mirrors and turns the picture as the file says.

    EXIF data may repeat the orientation, which does not count then.
    """
    import pi_heif

    options = pi_heif.options
    options.DECODE_THREADS = max(1, cv2.getNumThreads())
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    file = pi_heif.open_heif(data, bgr_mode=True)
    if not len(file):
        raise ImageError("libheif finds no picture in it")
    left, top, right, bottom = picture.turned_crop
    decoded = np.asarray(file)[top:bottom, left:right]
    if file.premultiplied_alpha:
        return _undo_premultiplication(decoded)
    if decoded.dtype != np.uint8:  # grey of more than 8 bits, which is scaled to 16
        decoded = (decoded >> 8).astype(np.uint8)
    return _to_bgr(decoded)


def _to_bgr(decoded: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns a new `(H, W, 3)` array of grey, grey and alpha, BGR or BGRA pixels."""
    channels = decoded.shape[2] if decoded.ndim == 3 else 1
    if channels == 3:
        return decoded.copy()
    if channels == 4:
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGRA2BGR), np.uint8)
    grey = decoded if decoded.ndim == 2 else np.ascontiguousarray(decoded[..., 0])
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


def _undo_premultiplication(decoded: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the colours of `(H, W, 4)` pixels before they were multiplied by their alpha."""
    pixels = np.empty((*decoded.shape[:2], 3), np.uint8)
    for top in range(0, len(decoded), _STRIP_ROWS):
        strip = decoded[top : top + _STRIP_ROWS].astype(np.uint32)
        alpha = np.maximum(strip[..., 3:], 1)
        colours = (strip[..., :3] * 255 + alpha // 2) // alpha
        pixels[top : top + _STRIP_ROWS] = np.minimum(colours, 255)
    return pixels


def _decode_av1(data: bytes, picture: Picture) -> NDArray[np.uint8]:
    """Decodes with libavif. Crops and turns the picture, which libavif leaves to its callers.

    Pillow's public class would copy the pixels twice more, and fails if the EXIF data are broken.
    """
    from PIL import _avif

    decoder: Any = _avif.AvifDecoder(data, "auto", max(1, cv2.getNumThreads()))
    (width, height), _, mode, _, _, orientation, _ = decoder.get_info()
    stored = np.frombuffer(decoder.get_frame(0)[0], np.uint8).reshape(height, width, len(mode))
    left, top, right, bottom = picture.crop
    code = cv2.COLOR_RGBA2BGR if len(mode) == 4 else cv2.COLOR_RGB2BGR
    pixels = np.asarray(cv2.cvtColor(stored[top:bottom, left:right], code), np.uint8)
    return turn_upright(pixels, orientation)


FORMAT = Format(
    name="heif",
    suffixes=(".heic", ".heif", ".hif", ".heics", ".heifs"),
    media_type=jpeg.FORMAT.media_type,
    annotated_suffix=".jpg",
    recognises=is_heif,
    read_size=functools.partial(read_size, "heif"),
    make_safe=functools.partial(check, "heif"),
    decode=decode,
    encode=jpeg.FORMAT.encode,
)
