"""Reads an image's format and size from its first bytes; start at `read_header`.

Decoders find out how large an image is by making room for it. This looks before any memory is
spent, so that a limit on pixels also holds against a file that lies about being small.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from .errors import ImageError


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
        ImageError: empty, of no supported format, or cut off or corrupt before the size is known.
    """
    if not data:
        raise ImageError("the file is empty")
    for name, (is_format, read_size) in _READERS.items():
        if is_format(data):
            try:
                width, height = read_size(data)
            except (struct.error, IndexError, KeyError):
                raise ImageError(f"a {name.upper()} that is cut off in its header") from None
            if width < 1 or height < 1:
                raise ImageError(f"a {name.upper()} of {width} x {height} pixels, which has none")
            return ImageHeader(name, width, height)
    known = ", ".join(name.upper() for name in _READERS)
    raise ImageError(f"{_describe(data)}; images must be one of {known}")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """The first start-of-frame segment's (ITU T.81, B.2.2)."""
    position = 2
    while True:
        if data[position] != 0xFF:
            raise ImageError("a JPEG with garbage where a marker should be")
        marker = data[position + 1]
        if marker == 0xFF:  # fill bytes may stand before a marker
            position += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these stand alone
            position += 2
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        elif marker in (0xD9, 0xDA):
            raise ImageError("a JPEG whose frame header is missing")
        else:
            (length,) = struct.unpack_from(">H", data, position + 2)
            position += 2 + length


def _png_size(data: bytes) -> tuple[int, int]:
    """IHDR's, which must come first (PNG specification, 11.2.2)."""
    if data[12:16] != b"IHDR":
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
    """ImageWidth and ImageLength of the first directory (TIFF 6.0, section 2; BigTIFF)."""
    order = "<" if data[:2] == b"II" else ">"
    if struct.unpack_from(f"{order}H", data, 2)[0] == 43:
        (directory,) = struct.unpack_from(f"{order}Q", data, 8)
        (count,) = struct.unpack_from(f"{order}Q", data, directory)
        first, entry_size, value_at = directory + 8, 20, 12
    else:
        (directory,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, directory)
        first, entry_size, value_at = directory + 2, 12, 8
    sides = {}
    for entry in range(first, first + min(count, 4096) * entry_size, entry_size):
        tag, kind = struct.unpack_from(f"{order}HH", data, entry)
        if tag in (256, 257):
            code = {3: "H", 4: "I", 16: "Q"}[kind]
            (sides[tag],) = struct.unpack_from(f"{order}{code}", data, entry + value_at)
        if len(sides) == 2:
            break
    return sides[256], sides[257]


def _uint24(data: bytes, at: int) -> int:
    low, high = struct.unpack_from("<HB", data, at)
    return int(low | high << 16)


_Reader = tuple[Callable[[bytes], bool], Callable[[bytes], tuple[int, int]]]
_READERS: dict[str, _Reader] = {
    "jpeg": (lambda data: data[:3] == b"\xff\xd8\xff", _jpeg_size),
    "png": (lambda data: data[:8] == b"\x89PNG\r\n\x1a\n", _png_size),
    "webp": (lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP", _webp_size),
    "tiff": (lambda data: data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), _tiff_size),
    "bmp": (lambda data: data[:2] == b"BM", _bmp_size),
}


def _describe(data: bytes) -> str:
    """What the file seems to be instead, for the person who dropped it."""
    start = data[:512].lstrip().lower()
    for name, found in (
        ("a GIF", data[:4] == b"GIF8"),
        ("an HEIC or AVIF", data[4:8] == b"ftyp"),
        ("a PDF", start.startswith(b"%pdf")),
        ("an SVG", b"<svg" in start),
        ("an HTML page", start.startswith((b"<!doctype html", b"<html"))),
        ("a ZIP archive", data[:4] == b"PK\3\4"),
    ):
        if found:
            return f"{name}, not a supported image"
    return "not a supported image"
