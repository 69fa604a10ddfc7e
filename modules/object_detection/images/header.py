"""Reads an image's format and size from its first bytes; start at `read_header`.

Decoders find out how large an image is by making room for it. This looks before any memory is
spent, so that a limit on pixels also holds against a file that lies about being small.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from ...errors import ImageError
from .file_kinds import describe
from .jpeg_markers import segments
from .tiff_directory import BITS_PER_SAMPLE, COMPRESSION, LENGTH, MAGICS, WIDTH, read_directory


@dataclass(frozen=True)
class ImageHeader:
    """A format's name, and the size in pixels as stored (orientation not applied)."""

    format: str
    width: int
    height: int

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


def read_header(data: bytes) -> ImageHeader:
    """Tells format and size.

    Raises:
        ImageError: empty, of no supported format or a rare kind of one that no decoder here reads,
            or cut off or corrupt before the size is known.
    """
    if not data:
        raise ImageError("the file is empty")
    for name, (is_format, read_size) in _READERS.items():
        if is_format(data):
            try:
                width, height = read_size(data)
            except (struct.error, OverflowError):  # places beyond the end, or beyond any end
                raise ImageError(f"a {name.upper()} that is cut off in its header") from None
            if width < 1 or height < 1:
                raise ImageError(f"a {name.upper()} of {width} x {height} pixels, which has none")
            return ImageHeader(name, width, height)
    known = ", ".join(name.upper() for name in _READERS)
    raise ImageError(f"{describe(data)}, not a supported image; images must be one of {known}")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """The first start-of-frame segment's (ITU T.81, B.2.2)."""
    for marker, position in segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            precision, height, width = struct.unpack_from(">BHH", data, position)
            if marker not in _JPEG_FRAMES:
                raise ImageError("a lossless or hierarchical JPEG; it must be a baseline one")
            if precision != 8:
                raise ImageError(f"a JPEG of {precision} bits a sample; they must have 8")
            return width, height
        if marker in (0xD9, 0xDA):
            raise ImageError("a JPEG whose frame header is missing")
    raise ImageError("a JPEG that is cut off in its header")


# Sequential and progressive frames, Huffman and arithmetic coded: what libjpeg decodes
_JPEG_FRAMES = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)


def _png_size(data: bytes) -> tuple[int, int]:
    """IHDR's, which must come first (PNG specification, 11.2.2)."""
    if data[8:16] != b"\0\0\0\x0dIHDR":
        raise ImageError("a PNG that does not begin with its header chunk")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _webp_size(data: bytes) -> tuple[int, int]:
    """By kind of the first chunk (WebP container specification; RFC 6386, 9.1; RFC 9649)."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + _uint24(data, 24), 1 + _uint24(data, 27)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ImageError(f"a WEBP that begins with an unknown chunk, {kind!r}")


def _bmp_size(data: bytes) -> tuple[int, int]:
    """OS/2's core header has 16 bits a side, Windows's 32; a negative height is top-down."""
    (header_size,) = struct.unpack_from("<I", data, 14)
    if header_size == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return width, abs(height)


def _tiff_size(data: bytes) -> tuple[int, int]:
    """ImageWidth and ImageLength of the first page."""
    directory = read_directory(data)
    if WIDTH not in directory or LENGTH not in directory:
        raise ImageError("a TIFF that does not say its size")
    bits = directory.get(BITS_PER_SAMPLE, 1)
    if bits > 16:
        raise ImageError(f"a TIFF of {bits} bits a sample; they must have 16 at most")
    compression = directory.get(COMPRESSION, 1)
    if compression not in _TIFF_COMPRESSIONS:
        raise ImageError(
            f"a TIFF of compression {compression}, which is not supported; "
            "LZW, deflate, PackBits, JPEG, fax and none are"
        )
    return directory[WIDTH], directory[LENGTH]


# None, three of fax, LZW, JPEG, deflate, PackBits, older deflate. OpenCV shows others as black
_TIFF_COMPRESSIONS = (1, 2, 3, 4, 5, 7, 8, 32773, 32946)


def _uint24(data: bytes, at: int) -> int:
    low, high = struct.unpack_from("<HB", data, at)
    return int(low | high << 16)


_Reader = tuple[Callable[[bytes], bool], Callable[[bytes], tuple[int, int]]]
_READERS: dict[str, _Reader] = {
    "jpeg": (lambda data: data[:3] == b"\xff\xd8\xff", _jpeg_size),
    "png": (lambda data: data[:8] == b"\x89PNG\r\n\x1a\n", _png_size),
    "webp": (lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP", _webp_size),
    "tiff": (lambda data: data[:4] in MAGICS, _tiff_size),
    "bmp": (lambda data: data[:2] == b"BM", _bmp_size),
}
