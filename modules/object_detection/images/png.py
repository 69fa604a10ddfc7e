"""The PNG format; see `FORMAT`."""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from . import opencv_codec
from .format import Format
from .png_faults import find_fault
from .png_metadata import METADATA_CHUNKS, PngMetadata

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PICTURE_CHUNKS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")


def _recognises(data: bytes) -> bool:
    return data.startswith(_SIGNATURE)


def _read_size(data: bytes) -> tuple[int, int]:
    """Reads the size in the IHDR chunk, which must come first (PNG specification, 11.2.2)."""
    if data[8:16] != b"\0\0\0\x0dIHDR":
        raise ImageError("a PNG that does not start with an IHDR chunk of 13 bytes")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _check_chunks(data: bytes, max_pixels: int) -> bytes:
    """Returns `data` if no chunk ends after the file.

    OpenCV allocates a chunk's length, up to 4 GB, before it checks that the file is that long.
    """
    for _ in _chunks(data):
        pass
    return data


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yields each chunk's kind, and the positions of its start and its end, up to IEND.

    Raises:
        ImageError: a chunk, or IEND, is missing.
    """
    position = len(_SIGNATURE)
    kind = b""
    while kind != b"IEND":
        try:
            length, kind = struct.unpack_from(">I4s", data, position)
        except struct.error:
            raise ImageError("a PNG that is cut off: it has no IEND chunk") from None
        end = position + 12 + length
        if end > len(data):
            raise ImageError(
                f"a PNG that is cut off: a chunk of {length:,} bytes ends {end - len(data):,} "
                "bytes after the end of the file"
            )
        yield kind, position, end
        position = end


def _decode(data: bytes) -> NDArray[np.uint8]:
    """Decodes the picture, or the default image of an animation.

    OpenCV gets only the chunks of the picture: compressed texts can grow a thousandfold, and each
    malformed chunk is a line in the log.
    """
    kept, metadata = [_SIGNATURE], PngMetadata()
    for kind, start, end in _chunks(data):
        if kind in _PICTURE_CHUNKS:
            kept.append(data[start:end])
        elif kind in METADATA_CHUNKS:
            metadata.add(kind, data[start + 8 : end - 4])
    return opencv_codec.decode(
        b"".join(kept),
        orientation=metadata.orientation(),
        profile=metadata.profile(),
        find_fault=lambda: find_fault(data, _chunks(data)),
    )


FORMAT = Format(
    name="png",
    suffixes=(".png", ".apng"),
    media_type="image/png",
    recognises=_recognises,
    read_size=_read_size,
    make_safe=_check_chunks,
    decode=_decode,
    encode=functools.partial(opencv_codec.encode, "png"),
)
