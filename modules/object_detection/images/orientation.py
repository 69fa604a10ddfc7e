"""Reads which way up a picture was taken, and turns its pixels; start at `read_orientation`.

The number is EXIF's: 1 upright; 2 mirrored; 3 turned by 180 degrees; 4 mirrored and turned by 180
degrees; 5 and 7 mirrored on a diagonal; 6 and 8 turned by 90 degrees (TIFF 6.0, Orientation).
"""

from __future__ import annotations

import re
import struct

import cv2
import numpy as np
from numpy.typing import NDArray

UPRIGHT = 1
EXIF_PREFIX = b"Exif\0\0"
_TAG = 0x0112
_ENTRY_BYTES = 12
_MAX_ENTRIES = 4096
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}  # TIFF's integer types, as struct codes
# As an attribute or as an element (XMP specification, part 1, 7.4 and 7.9.2.2)
_XMP = re.compile(rb"tiff:Orientation(?:\s*=\s*[\"']|\s*>)\s*([1-8])\s*[\"'<]")
_XMP_LIMIT = 1 << 20


def read_orientation(exif: bytes) -> int:
    """Reads the orientation, 1 to 8, from EXIF data; 1 if they state none or are broken.

    Args:
        exif: a TIFF structure, with or without `Exif` and two zeros before it: some writers put
            these six bytes, which belong to JPEG, also into WebP, PNG and HEIC.

    >>> read_orientation(bytes.fromhex("4d4d002a00000008 0001 0112 0003 00000001 0006 0000"))
    6
    """
    return choose_orientation(exif, b"")


def choose_orientation(exif: bytes, xmp: bytes) -> int:
    """Returns the orientation, 1 to 8, that EXIF data state; without one, that of XMP data.

    EXIF counts where the two disagree, as in Pillow: programs that turn a picture often forget its
    XMP.
    """
    start = 0
    while exif.startswith(EXIF_PREFIX, start):
        start += len(EXIF_PREFIX)
    try:
        stated = _read_tag(exif, start)
    except struct.error:  # cut off
        stated = None
    if stated is None:
        return read_xmp_orientation(xmp)
    return stated if 1 <= stated <= 8 else UPRIGHT


def _read_tag(exif: bytes, start: int) -> int | None:
    """Reads the tag of the first directory; positions in EXIF data count from `start`."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[start : start + 4])
    if order is None:
        return None
    (offset,) = struct.unpack_from(f"{order}I", exif, start + 4)
    directory = start + offset
    (count,) = struct.unpack_from(f"{order}H", exif, directory)
    entries = directory + 2
    for number in range(min(count, _MAX_ENTRIES)):
        entry = entries + number * _ENTRY_BYTES
        tag, kind, values = struct.unpack_from(f"{order}HHI", exif, entry)
        if tag == _TAG:
            if kind not in _CODES or values != 1:
                return None
            (orientation,) = struct.unpack_from(f"{order}{_CODES[kind]}", exif, entry + 8)
            return int(orientation)
    return None


def read_xmp_orientation(xmp: bytes) -> int:
    """Reads `tiff:Orientation`, 1 to 8, from an XMP document in UTF-8; 1 if it states none.

    >>> read_xmp_orientation(b'<rdf:Description tiff:Orientation="6"/>')
    6
    >>> read_xmp_orientation(b"<tiff:Orientation>8</tiff:Orientation>")
    8
    """
    found = _XMP.search(xmp, 0, _XMP_LIMIT)
    return int(found[1]) if found else UPRIGHT


def turn_upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Returns `(H, W, 3)` uint8 pixels turned as a person would see them.

    The orientations 2, 3 and 4 are turned in place. 5 to 8 give a new array `(W, H, 3)`.
    """
    turned: NDArray[np.uint8]
    if orientation == 2:
        turned = cv2.flip(pixels, 1, dst=pixels)
    elif orientation == 3:
        turned = cv2.flip(pixels, -1, dst=pixels)
    elif orientation == 4:
        turned = cv2.flip(pixels, 0, dst=pixels)
    elif orientation == 5:
        turned = cv2.transpose(pixels)
    elif orientation == 6:
        turned = cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE)
    elif orientation == 7:
        transposed = cv2.transpose(pixels)
        turned = cv2.flip(transposed, -1, dst=transposed)
    elif orientation == 8:
        turned = cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE)
    else:
        turned = pixels
    return turned
