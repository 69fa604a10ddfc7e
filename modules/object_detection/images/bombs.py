"""Takes the fuse out of small files that would cost a decoder minutes or gigabytes; see `defuse`.

The limit on pixels alone does not hold these: their cost lies elsewhere than in the picture.
"""

from __future__ import annotations

import struct

from ...errors import ImageError
from .jpeg_markers import segments
from .tiff_directory import TILE_LENGTH, TILE_WIDTH, read_directory

_START_OF_SCAN = 0xDA
_MOST_SCANS = 100  # progressive JPEGs have about ten; libjpeg-turbo advises a limit
_PNG_SIGNATURE_SIZE = 8
_PICTURE_CHUNKS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"eXIf")  # eXIf holds the orientation


def defuse(data: bytes, format_name: str, *, max_pixels: int) -> bytes:
    """The same image, without what could only do harm.

    Raises:
        ImageError: the harm lies in the image itself.
    """
    if format_name == "jpeg":
        _check_scans(data)
    elif format_name == "tiff":
        _check_tiles(data, max_pixels)
    elif format_name == "png":
        return _picture_alone(data)
    return data


def _check_scans(data: bytes) -> None:
    """Each scan, be it empty, goes over the whole picture: ten bytes buy a pass over all pixels."""
    mark = bytes((0xFF, _START_OF_SCAN))
    if data.count(mark) <= _MOST_SCANS:
        return
    try:
        scans = sum(marker == _START_OF_SCAN for marker, _ in segments(data))
    except struct.error:
        raise ImageError("a JPEG that is cut off between its scans") from None
    if scans > _MOST_SCANS:
        raise ImageError(f"a JPEG of {scans:,} scans, which no camera makes; at most {_MOST_SCANS}")


def _check_tiles(data: bytes, max_pixels: int) -> None:
    """A tile may be larger than the picture, and is decoded whole."""
    directory = read_directory(data)
    width, height = directory.get(TILE_WIDTH, 0), directory.get(TILE_LENGTH, 0)
    if width * height > max_pixels:
        raise ImageError(
            f"a TIFF in tiles of {width} x {height} pixels, which are too many; "
            f"at most {max_pixels:,} are allowed (MAX_IMAGE_PIXELS)"
        )


def _picture_alone(data: bytes) -> bytes:
    """A PNG without what does not show: texts, profiles, frames after the first.

    Compressed texts swell a thousandfold, and each malformed chunk is a line in the log. OpenCV
    makes room for a chunk before it looks whether there is as much: up to 4 GB.
    """
    kept = [data[:_PNG_SIGNATURE_SIZE]]
    position = _PNG_SIGNATURE_SIZE
    kind = b""
    while kind != b"IEND":
        try:
            length, kind = struct.unpack_from(">I4s", data, position)
        except struct.error:
            raise ImageError("a PNG that is cut off: it has no end") from None
        end = position + 12 + length
        if end > len(data):
            raise ImageError(
                f"a PNG that is cut off: a chunk of {length:,} bytes ends {end - len(data):,} "
                "bytes after the file"
            )
        if kind in _PICTURE_CHUNKS:
            kept.append(data[position:end])
        position = end
    return b"".join(kept)
