"""A picture that cannot be decoded is refused with the actual reason."""

import struct
import zlib

import numpy as np
import pytest

from modules.errors import ImageError
from modules.object_detection.images import decode_image
from tests.hostile.builders import gradient, grey_jpeg, jpeg_segment, png, png_chunk, png_rows, save
from tests.object_detection.images.tiff_files import LZW, build_tiff

GREY = np.full((24, 40), 77, np.uint8)
ROWS = png_rows(GREY)
JPEG = save(gradient(), "JPEG")
WEBP = save(gradient(), "WEBP")
PALETTE = png_chunk(b"PLTE", bytes(768))


def header(*, bits: int = 8, colour: int = 0, methods: bytes = bytes(3)) -> bytes:
    fields = struct.pack(">IIBB", 40, 24, bits, colour) + methods
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", fields) + png(40, 24, ROWS)[33:]


def damaged(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]


def lzw_tiff() -> bytes:
    samples = gradient()[..., :1].astype(np.uint16)
    return build_tiff(samples, bits=8, photometric=1, compression=LZW, rows_per_strip=24)


def few_strips() -> bytes:
    samples = gradient()[:15, :, :1].astype(np.uint16)
    return build_tiff(
        samples, bits=8, photometric=1, compression=LZW, rows_per_strip=5, tags={257: [24]}
    )


def tiff_cut_off() -> bytes:
    """Moves the strip of a TIFF behind its directory, and cuts off the end."""
    whole = lzw_tiff()
    (at,) = struct.unpack_from("<I", whole, 4)
    moved = whole[8:at]
    position = whole.index(struct.pack("<HHII", 273, 4, 1, 8))
    pointed = whole[: position + 8] + struct.pack("<I", len(whole)) + whole[position + 12 :]
    return (pointed + moved)[:-100]


CASES = {
    "PNG of a wrong checksum": (damaged(png(40, 24, ROWS), 45), "checksum of its IDAT chunk is"),
    "PNG of 5 bits": (header(bits=5), "it has 5 bits per sample; with colour type 0 it must"),
    "PNG of 4-bit RGB": (header(bits=4, colour=2), "with colour type 2 it must have 8, 16"),
    "PNG of colour type 5": (header(colour=5), "it has colour type 5; it must be 0, 2, 3, 4 or 6"),
    "PNG of a filter": (header(methods=b"\0\1\0"), "an unknown compression, filter or interlacing"),
    "PNG without palette": (png(40, 24, ROWS, colour=3), r"it has no palette \(PLTE\)"),
    "PNG of few rows": (
        png(40, 24, png_rows(GREY[:20])),
        "it is cut off: 164 bytes of its pixels are missing",
    ),
    "PNG of no zlib data": (png(40, 24, b"\1\2\3"), "it is corrupt: Error -3"),
    "PNG without pixels": (png(40, 24, b"")[:33] + png_chunk(b"IEND", b""), "it has no pixels"),
    "JPEG without its end": (JPEG[:-2], "it is cut off: it has no end"),
    "JPEG of two colours": (
        JPEG.replace(b"\xff\xc0\0\x11\x08\0\x18\0\x28\3", b"\xff\xc0\0\x11\x08\0\x18\0\x28\2"),
        "it has 2 colours; it must have 1, 3 or 4",
    ),
    "JPEG without scans": (
        grey_jpeg(40, 24)[: grey_jpeg(40, 24).index(b"\xff\xda")] + b"\xff\xd9",
        "it has no pixels",
    ),
    "JPEG that starts twice": (JPEG[:2] + JPEG, "another JPEG begins inside it"),
    "JPEG without tables": (
        b"\xff\xd8" + jpeg_segment(0xC0, b"\x08\0\x18\0\x28\1\1\x11\0") + JPEG[-12:],
        "it has no pixels|it is corrupt",
    ),
    "WebP cut off": (WEBP[:-9], "it is cut off: 9 bytes are missing"),
    "WebP without its start code": (damaged(WEBP, 23), "it is corrupt"),
    "TIFF of fewer strips": (few_strips(), "it states only 3 of its 5 strips"),
    "TIFF cut off": (tiff_cut_off(), "it is cut off: 100 bytes are missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_reason_is_the_actual_one(name: str) -> None:
    data, reason = CASES[name]

    with pytest.raises(ImageError, match=reason) as error:
        decode_image(data, max_pixels=1000)

    assert str(error.value).startswith(f"a {name.split()[0].upper()} of 40 x 24 pixels that cannot")


def test_a_reason_costs_no_memory_for_pixels_that_inflate() -> None:
    packed = zlib.compress(bytes(50 << 20))
    broken = png(40, 24, packed, bits=8, colour=3)

    with pytest.raises(ImageError, match="it has no palette"):
        decode_image(broken, max_pixels=1000)
