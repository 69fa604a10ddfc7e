"""Builds files byte by byte, to get files that no encoder writes; `save` builds ordinary ones."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

WIDTH, HEIGHT = 40, 24
MEGABYTE = 1 << 20


def gradient(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """Makes an RGB picture `(height, width, 3)` with four different corners."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], -1)
    return rgb.astype(np.uint8)


def save(image: NDArray[Any] | PIL.Image.Image, format_name: str, **options: Any) -> bytes:
    """Encodes a picture with Pillow."""
    image = image if isinstance(image, PIL.Image.Image) else PIL.Image.fromarray(image)
    out = io.BytesIO()
    image.save(out, format_name, **options)
    return out.getvalue()


def deflated_zeros(size: int) -> bytes:
    """Returns zlib data that inflate to `size` zeros, and are a thousandth as long."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(min(MEGABYTE, size - at))) for at in range(0, size, MEGABYTE)]
    return b"".join([*parts, packer.flush()])


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int,
    height: int,
    pixels: bytes,
    *,
    bits: int = 8,
    colour: int = 0,
    interlaced: bool = False,
    before: bytes = b"",
) -> bytes:
    """Builds a PNG.

    pixels: the rows, each after its filter byte, deflated. before: chunks before the IDAT chunk.
    """
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    ending = png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + before + ending


def png_rows(rows: NDArray[np.uint8]) -> bytes:
    """Deflates rows of bytes, `(H, bytes)`, without a filter."""
    return zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))


def interlaced_png(rgb: NDArray[np.uint8]) -> bytes:
    """Builds a PNG with Adam7 interlacing: seven passes (PNG specification, 8.2)."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    rows = b""
    for top, left, down, right in [*passes, (1, 0, 2, 1)]:
        rows += b"".join(b"\0" + row.tobytes() for row in rgb[top::down, left::right])
    return png(rgb.shape[1], rgb.shape[0], zlib.compress(rows), colour=2, interlaced=True)


def jpeg_segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def grey_jpeg(width: int, height: int, *, frame: int = 0xC0, bits: int = 8) -> bytes:
    """Builds a JPEG of middle grey, with any kind of frame (ITU T.81, B.2).

    Every table has one code, `0`, for the value 0: no difference, end of block. So the scan has
    only zeros: two bits per block, or one bit per sample in a lossless frame.
    """
    is_lossless = frame in (0xC3, 0xCB)
    tables = jpeg_segment(0xDB, b"\0" + b"\1" * 64)
    for table in (0x00, 0x10):
        tables += jpeg_segment(0xC4, bytes([table, 1]) + bytes(15) + b"\0")
    component = struct.pack(">BHHB", bits, height, width, 1) + b"\1\x11\0"
    scan = b"\1\1\0" + (b"\1\0\0" if is_lossless else b"\0\x3f\0")
    blocks = -(-width // 8) * -(-height // 8)
    data = bytes(-(-width * height // 8) if is_lossless else -(-blocks // 4))
    frame_header, scan_header = jpeg_segment(frame, component), jpeg_segment(0xDA, scan)
    return b"\xff\xd8" + tables + frame_header + scan_header + data + b"\xff\xd9"


Entry = tuple[int, str, Sequence[int | float]]  # tag, the type as a struct code, values
_TIFF_TYPES = {"B": 1, "H": 3, "I": 4, "f": 11, "d": 12}


def tiff_directory(entries: Iterable[Entry], *, at: int, following: int = 0) -> bytes:
    """Builds a little-endian directory at position `at`, then its values (TIFF 6.0, section 2).

    following: the position of the next directory; 0 for none.
    """
    entries = sorted(entries, key=lambda entry: entry[0])
    fields, values = struct.pack("<H", len(entries)), b""
    values_at = at + 2 + 12 * len(entries) + 4
    for tag, code, numbers in entries:
        packed = struct.pack(f"<{len(numbers)}{code}", *numbers)
        fields += struct.pack("<HHI", tag, _TIFF_TYPES[code], len(numbers))
        if len(packed) <= 4:
            fields += packed.ljust(4, b"\0")
        else:
            fields += struct.pack("<I", values_at + len(values))
            values += packed
    return fields + struct.pack("<I", following) + values


def tiff(
    width: int,
    height: int,
    strip: bytes,
    *,
    samples: int = 1,
    bits: int = 8,
    kind: int = 1,
    compression: int = 1,
    extra: Sequence[Entry] = (),
) -> bytes:
    """Builds a TIFF of one strip.

    kind: SampleFormat, 1 unsigned, 3 floating point. compression: 1 none, 8 deflate. extra: entries
    that are added, or replace those with the same tag.
    """
    entries: list[Entry] = [
        (256, "I", [width]),
        (257, "I", [height]),
        (258, "H", [bits] * samples),
        (259, "H", [compression]),
        (262, "H", [1 if samples == 1 else 2]),
        (273, "I", [8]),
        (277, "H", [samples]),
        (278, "I", [height]),
        (279, "I", [len(strip)]),
        (339, "H", [kind] * samples),
    ]
    replaced = {tag for tag, _, _ in extra}
    entries = [entry for entry in entries if entry[0] not in replaced] + list(extra)
    at = 8 + len(strip) + len(strip) % 2
    header = b"II*\0" + struct.pack("<I", at) + strip.ljust(at - 8, b"\0")
    return header + tiff_directory(entries, at=at)


def bmp(width: int, height: int, pixels: bytes, *, bits: int = 24, compression: int = 0) -> bytes:
    """Builds a BMP; with up to 8 bits it has a grey palette of 2 ** bits shades."""
    shades = 2**bits if bits <= 8 else 0
    palette = b"".join(bytes([shade * 255 // (shades - 1)] * 3 + [0]) for shade in range(shades))
    offset = 54 + len(palette)
    start = b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, shades, 0)
    return start + info + palette + pixels


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP"
    for kind, data in chunks:
        body += kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def exif(*entries: Entry, following: int = 0) -> bytes:
    """Builds an EXIF block of one directory, for JPEG's APP1 and PNG's eXIf."""
    return b"II*\0" + struct.pack("<I", 8) + tiff_directory(entries, at=8, following=following)


def with_exif(jpeg: bytes, block: bytes) -> bytes:
    return jpeg[:2] + jpeg_segment(0xE1, b"Exif\0\0" + block) + jpeg[2:]
