"""The JPEG format; see `FORMAT`."""

from __future__ import annotations

import struct

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from . import opencv_codec
from .colour_profile import convert_cmyk_to_srgb
from .format import Format
from .jpeg_markers import END, START, START_OF_SCAN, segments
from .jpeg_metadata import read_metadata
from .jpeg_strips import encode_jpeg
from .orientation import turn_upright
from .pillow_codec import load

_QUALITY = 92
# Start-of-frame markers are C0 to CF, apart from DHT, JPG and DAC (ITU T.81, table B.1)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Sequential and progressive frames, Huffman and arithmetic coded: what libjpeg decodes
_DECODABLE_FRAMES = frozenset((0xC0, 0xC1, 0xC2, 0xC9, 0xCA))
_MAX_SCANS = 100  # progressive JPEGs have about ten; libjpeg-turbo advises a limit


def _recognises(data: bytes) -> bool:
    return data[:3] == b"\xff\xd8\xff"


def _read_size(data: bytes) -> tuple[int, int]:
    """Reads the size in the first start-of-frame segment (ITU T.81, B.2.2)."""
    for marker, position in segments(data):
        if marker in _FRAMES:
            bits, height, width = struct.unpack_from(">BHH", data, position)
            if marker not in _DECODABLE_FRAMES:
                raise ImageError(
                    "a lossless or hierarchical JPEG; it must be baseline or progressive"
                )
            if bits != 8:
                raise ImageError(f"a JPEG with {bits} bits per sample; it must have 8")
            return width, height
        if marker in (END, START_OF_SCAN):
            raise ImageError("a JPEG without a frame header")
    raise ImageError("a JPEG that is cut off in its header")


def _check_scans(data: bytes, max_pixels: int) -> bytes:
    """Returns `data` if it has a normal number of scans.

    The decoder goes over all pixels once per scan, even if the scan is empty: ten bytes of file
    buy a pass over the whole picture.
    """
    if data.count(bytes((0xFF, START_OF_SCAN))) <= _MAX_SCANS:
        return data
    try:
        scans = sum(marker == START_OF_SCAN for marker, _ in segments(data))
    except struct.error:
        raise ImageError("a JPEG that is cut off between its scans") from None
    if scans > _MAX_SCANS:
        raise ImageError(f"a JPEG with {scans:,} scans; at most {_MAX_SCANS} are allowed")
    return data


def _decode(data: bytes) -> NDArray[np.uint8]:
    metadata = read_metadata(data)
    if metadata.profile[16:20] == b"CMYK":
        pixels = _decode_cmyk(data, metadata.profile)
        if pixels is not None:
            return turn_upright(pixels, metadata.orientation)
    return opencv_codec.decode(
        data,
        orientation=metadata.orientation,
        profile=metadata.profile,
        find_fault=lambda: _find_fault(data),
    )


def _find_fault(data: bytes) -> str:
    """Returns why a JPEG cannot be decoded, as far as its segments tell."""
    scans, has_end = 0, False
    try:
        for marker, position in segments(data):
            scans += marker == START_OF_SCAN
            has_end = marker == END
            if marker in _FRAMES:
                (components,) = struct.unpack_from("B", data, position + 5)
                if components not in (1, 3, 4):
                    return f"it has {components} colours; it must have 1, 3 or 4"
            if marker == START:
                return "it is corrupt: another JPEG begins inside it"
    except struct.error:
        has_end = False
    if not has_end:
        return "it is cut off: it has no end"
    return "it is corrupt" if scans else "it has no pixels"


def _decode_cmyk(data: bytes, profile: bytes) -> NDArray[np.uint8] | None:
    """Decodes a CMYK JPEG by its profile; None if the file or the profile is of another kind.

    OpenCV gives no CMYK. Without a profile it converts in the plain way, as browsers do.
    """
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        image = load(JpegImageFile, data)
    except ImageError:
        return None  # OpenCV finds the same fault, or none
    return convert_cmyk_to_srgb(image, profile) if image.mode == "CMYK" else None


def _encode(pixels: NDArray[np.uint8]) -> bytes:
    return encode_jpeg(pixels, quality=_QUALITY, threads=cv2.getNumThreads())


FORMAT = Format(
    name="jpeg",
    suffixes=(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo"),
    media_type="image/jpeg",
    recognises=_recognises,
    read_size=_read_size,
    make_safe=_check_scans,
    decode=_decode,
    encode=_encode,
)
