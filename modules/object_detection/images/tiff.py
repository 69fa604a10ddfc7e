"""The TIFF format; see `FORMAT`.

OpenCV (libtiff) decodes the ordinary kinds. It multiplies colours by straight alpha, and fails for
most depths, so that all others are read here: see tiff_samples.py.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from . import opencv_codec
from .camera_raw import name_raw
from .colour_profile import convert_cmyk_to_srgb, convert_to_srgb, find_cmyk_converter
from .format import Format
from .orientation import UPRIGHT, turn_upright
from .pillow_codec import load, to_bgr
from .tiff_colours import make_converter
from .tiff_directory import read_directory
from .tiff_layout import (
    BLACK_IS_ZERO,
    CMYK,
    FAX,
    HORIZONTAL,
    JPEG,
    NO_COMPRESSION,
    PALETTE,
    RGB,
    WHITE_IS_ZERO,
    YCBCR,
    Layout,
    read_layout,
)
from .tiff_samples import check_blocks, read_parts

_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# (photometric, bits) of pictures without alpha that OpenCV decodes to the right pixels. Of 16-bit
# grey it shifts the rows of tiles on the right edge
_RIGHT_IN_OPENCV = {
    *((WHITE_IS_ZERO, 1), (WHITE_IS_ZERO, 8), (BLACK_IS_ZERO, 1), (BLACK_IS_ZERO, 8)),
    *((RGB, 8), (RGB, 16), (PALETTE, 8), (CMYK, 8)),
}
_MAX_OPENCV_BLOCK = 1 << 24  # pixels of a strip or tile, for each of which OpenCV takes 10 bytes


def _recognises(data: bytes) -> bool:
    return data[:4] in _MAGICS and name_raw(data) is None


def _read_size(data: bytes) -> tuple[int, int]:
    """Reads ImageWidth and ImageLength of the first page, and refuses kinds that nobody reads."""
    layout = read_layout(read_directory(data))
    return layout.width, layout.height


def _check_tiles(data: bytes, max_pixels: int) -> bytes:
    """Returns `data` if its tiles are small enough.

    A tile may be larger than the picture, and the decoder allocates all of it.
    """
    layout = read_layout(read_directory(data))
    width, height = layout.block
    if layout.is_tiled and width * height > max_pixels:
        raise ImageError(
            f"a TIFF with tiles of {width} x {height} pixels, which is too many; "
            f"at most {max_pixels:,} are allowed (MAX_IMAGE_PIXELS)"
        )
    return data


def _decode(data: bytes) -> NDArray[np.uint8]:
    layout = read_layout(read_directory(data))
    if layout.compression == JPEG and (layout.alpha or _has_cmyk_profile(layout)):
        return _decode_jpeg(data)
    if _is_right_in_opencv(layout):
        # OpenCV turns the picture by its tag, but not by its XMP
        orientation = layout.xmp_orientation if layout.stated_orientation is None else UPRIGHT
        check_blocks(layout)
        return opencv_codec.decode(
            data,
            orientation=orientation,
            profile=layout.profile,
            find_fault=lambda: "it is corrupt",
        )
    convert = make_converter(layout)
    pixels = np.empty((layout.height, layout.width, 3), np.uint8)
    for part in read_parts(layout):
        rows, columns = part.samples.shape[:2]
        place = pixels[part.top : part.top + rows, part.left : part.left + columns]
        place[:] = convert(part.samples)
    return turn_upright(convert_to_srgb(pixels, layout.profile), layout.orientation)


def _is_right_in_opencv(layout: Layout) -> bool:
    """Returns whether OpenCV decodes this kind to the right pixels, in bearable memory.

    Of pixels that are not compressed it makes more copies than are made here.
    """
    if layout.compression in (*FAX, JPEG) or layout.photometric == YCBCR:
        return True
    if layout.compression == NO_COMPRESSION or layout.is_reversed or layout.alpha:
        return False
    is_ordinary = (layout.photometric, layout.bits) in _RIGHT_IN_OPENCV
    width, height = layout.block
    return (
        is_ordinary
        and layout.samples == layout.colours
        and layout.predictor in (1, HORIZONTAL)
        and width * height <= _MAX_OPENCV_BLOCK
        and not _has_cmyk_profile(layout)
    )


def _has_cmyk_profile(layout: Layout) -> bool:
    return layout.photometric == CMYK and find_cmyk_converter(layout.profile) is not None


def _decode_jpeg(data: bytes) -> NDArray[np.uint8]:
    """Decodes JPEG with alpha, or CMYK with a profile, with Pillow, which turns it upright, too."""
    from PIL.TiffImagePlugin import TiffImageFile

    image = load(TiffImageFile, data)
    profile = image.info.get("icc_profile") or b""
    if image.mode == "CMYK":
        pixels = convert_cmyk_to_srgb(image, profile)
        if pixels is not None:
            return pixels
    return convert_to_srgb(to_bgr(image), profile)


FORMAT = Format(
    name="tiff",
    suffixes=(".tif", ".tiff"),
    media_type="image/tiff",
    recognises=_recognises,
    read_size=_read_size,
    make_safe=_check_tiles,
    decode=_decode,
    encode=functools.partial(opencv_codec.encode, "tiff"),
)
