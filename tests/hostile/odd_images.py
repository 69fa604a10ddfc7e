"""Odd or broken images of the supported formats, by format; see `ODD_IMAGES`."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image

from tests.conftest import ROOT
from tests.hostile.builders import (
    HEIGHT,
    WIDTH,
    Entry,
    bmp,
    exif,
    gradient,
    grey_jpeg,
    interlaced_png,
    jpeg_segment,
    png,
    png_chunk,
    png_rows,
    save,
    tiff,
    tiff_directory,
    webp,
    with_exif,
)
from tests.hostile.kinds import GREY, RGB, Kind, frames, grey, result

_HEIC: Path = ROOT / "tests" / "object_detection" / "images" / "data" / "plain.heic"


def _pngs() -> Iterator[Kind]:
    for bits in (1, 2, 4, 16):
        pattern = np.full((HEIGHT, WIDTH * bits // 8), 0b10101010, np.uint8)
        shade = {1: None, 2: 170, 4: 170, 16: 170}[bits]
        data = png(WIDTH, HEIGHT, png_rows(pattern), bits=bits)
        name = f"PNG of {bits} bits"
        yield Kind(name, data) if shade is None else result(name, data, grey(shade))
    alpha = np.linspace(0, 255, WIDTH * HEIGHT).astype(np.uint8).reshape(HEIGHT, WIDTH, 1)
    yield result("PNG with transparency", save(np.dstack([RGB, alpha]), "PNG"))
    yield result("grey PNG with alpha", save(np.dstack([RGB[..., :1], alpha]), "PNG"), GREY)
    palette = PIL.Image.fromarray(RGB).convert("P", palette=PIL.Image.Palette.ADAPTIVE)
    data = save(palette, "PNG", transparency=bytes(range(256)))
    yield result("palette PNG with transparency", data)
    yield result("interlaced PNG", interlaced_png(RGB))
    yield result("animated PNG", frames("PNG"))
    yield result("PNG with a broken ICC profile", save(RGB, "PNG", icc_profile=b"broken" * 30))
    yield result("PNG with garbage at its end", save(RGB, "PNG") + b"garbage" * 99)
    ok = save(RGB, "PNG")
    bad_check = b"\0\0\0\4gAMA\0\0\1\0AAAA"
    rows = png_rows(np.full((HEIGHT, WIDTH), 77, np.uint8))
    damaged = png(WIDTH, HEIGHT, rows, before=bad_check * 1000)
    yield result("PNG with 1,000 damaged chunks", damaged, grey(77))
    yield Kind("PNG with a damaged header", ok[:29] + b"AAAA" + ok[33:], "cannot be decoded")
    yield Kind(
        "PNG with a header of another size", ok[:11] + b"\x0e" + ok[12:], "start with an IHDR chunk"
    )
    twice = png(WIDTH, HEIGHT, rows, before=ok[8:33])
    yield Kind("PNG with two headers", twice, "cannot be decoded")
    yield Kind("PNG without pixels", ok[:33] + png_chunk(b"IEND", b""), "cannot be decoded")
    yield Kind("PNG of width 0", png(0, 4, rows), "a PNG of 0 x 4 pixels; each side must have")
    yield Kind("PNG of 5 bits", png(WIDTH, HEIGHT, rows, bits=5), "cannot be decoded")
    turned = png(WIDTH, HEIGHT, rows, before=png_chunk(b"eXIf", exif((0x112, "H", [6]))))
    yield Kind("PNG to be turned upright", turned, None, (HEIGHT, WIDTH))


def _jpegs() -> Iterator[Kind]:
    ok = save(RGB, "JPEG", quality=95)
    yield result("progressive JPEG", save(RGB, "JPEG", quality=95, progressive=True))
    yield result("grey JPEG", save(RGB[..., 0], "JPEG", quality=95), GREY)
    cmyk = PIL.Image.fromarray(RGB).convert("CMYK")
    yield result("CMYK JPEG", save(cmyk, "JPEG", quality=95))
    yield result("JPEG of middle grey", grey_jpeg(WIDTH, HEIGHT), grey(128))
    yield Kind("arithmetic-coded JPEG", grey_jpeg(WIDTH, HEIGHT, frame=0xC9))
    yield Kind("12-bit JPEG", grey_jpeg(WIDTH, HEIGHT, frame=0xC1, bits=12), "12 bits per sample")
    yield Kind("lossless JPEG", grey_jpeg(WIDTH, HEIGHT, frame=0xC3), "a lossless or hierarchical")
    yield Kind(
        "JPEG of height 0", grey_jpeg(WIDTH, 0), "a JPEG of 40 x 0 pixels; each side must have"
    )
    yield result("JPEG with fill bytes", b"\xff\xd8\xff\xff\xff" + ok[2:])
    yield result("JPEG with garbage between segments", ok[:20] + b"garbage" + ok[20:])
    yield result("JPEG with garbage at its end", ok + b"garbage" * 99)
    yield result("two JPEGs", ok + save(255 - RGB, "JPEG"))
    yield Kind("JPEG that starts twice", ok[:2] + ok, "cannot be decoded")
    restarts = save(RGB, "JPEG", restart_marker_blocks=1, quality=95)
    yield Kind("JPEG with wrong restarts", restarts.replace(b"\xff\xd0", b"\xff\xd5"))
    noise = save(np.random.default_rng(1).integers(0, 255, RGB.shape).astype(np.uint8), "JPEG")
    hole = len(noise) - 300
    yield Kind("JPEG with a hole", noise[:hole] + bytes(100) + noise[hole + 100 :])
    yield result("JPEG with a broken ICC profile", save(RGB, "JPEG", quality=95, icc_profile=b"x"))
    markup = jpeg_segment(0xFE, b"<html><script>alert(1)</script>")
    yield result("JPEG that is also HTML", ok[:2] + markup + ok[2:])


def _broken_exif() -> Iterator[Kind]:
    ok = save(RGB, "JPEG", quality=95)
    for orientation in (0, 9, 65535):
        block = exif((0x112, "H", [orientation]))
        yield result(f"JPEG of orientation {orientation}", with_exif(ok, block))
    thumbnail = save(255 - RGB[:8, :8], "JPEG")
    inside = exif((0x112, "H", [1]), (0x201, "I", [38]), (0x202, "I", [len(thumbnail)]))
    for name, block in [
        ("a thumbnail", inside + thumbnail),
        ("a directory that follows itself", exif((0x112, "H", [1]), following=8)),
        ("a directory beyond the end", b"II*\0\xff\xff\xff\xff"),
        ("a count of 65,535", b"MM\0*\0\0\0\x08\xff\xff"),
        ("values beyond the end", b"II*\0\x08\0\0\0\1\0\x0e\1\2\0\xff\xff\xff\x7f\xff\xff\xff\x7f"),
        ("no byte order", b"XX*\0\x08\0\0\0"),
        ("nothing", b""),
    ]:
        yield result(f"JPEG with {name} in its EXIF", with_exif(ok, block))


def _tiffs() -> Iterator[Kind]:
    yield result("TIFF of several pages", frames("TIFF"))
    for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield result(f"TIFF with {name}", save(RGB, "TIFF", compression=name))
    yield result("TIFF with garbage at its end", save(RGB, "TIFF") + b"garbage" * 99)
    bits = PIL.Image.fromarray(RGB).convert("1")
    yield result(
        "fax TIFF", save(bits, "TIFF", compression="group4"), np.array(bits.convert("RGB"))
    )
    odd = np.full((HEIGHT, WIDTH), 0.5, "<f4")
    odd[0, :3] = np.nan, np.inf, -np.inf
    floats = tiff(WIDTH, HEIGHT, odd.tobytes(), bits=32, kind=3)
    yield Kind("TIFF of floats, NaN and Inf", floats, "a TIFF of floating-point samples")
    doubles = tiff(WIDTH, HEIGHT, bytes(8 * WIDTH * HEIGHT), bits=64, kind=3)
    yield Kind("TIFF of doubles", doubles, "a TIFF of floating-point samples")
    deep = np.repeat(RGB[..., :1].astype("<u2") * 257, 3, axis=2)
    data = tiff(WIDTH, HEIGHT, deep[..., 0].tobytes(), bits=16)
    yield result("TIFF of 16 bits", data, GREY)
    plain = RGB[..., 0].tobytes()
    odd_tags: list[tuple[str, Entry, str]] = [
        ("of width 0", (256, "I", [0]), "a TIFF of 0 x 24 pixels; each side must have"),
        ("with too many samples", (277, "H", [65535]), "a TIFF with 65535 samples per pixel"),
        ("with its strip beyond the end", (273, "I", [1 << 31]), "cannot be decoded"),
        ("with an unknown compression", (259, "H", [12345]), "a TIFF with compression 12345"),
        ("of a floating width", (256, "f", [40.0]), "does not state its size"),
    ]
    for name, extra, refusal in odd_tags:
        yield Kind(f"TIFF {name}", tiff(WIDTH, HEIGHT, plain, extra=[extra]), refusal)
    yield Kind(
        "TIFF with its directory beyond the end", b"II*\0\xff\xff\xff\xff", "a TIFF that is cut"
    )
    yield Kind("TIFF of no tags", b"II*\0" + struct.pack("<I", 8) + bytes(6), "not state its size")
    beyond = b"MM\0+\0\x08\0\0" + b"\xff" * 8
    yield Kind("BigTIFF with its directory beyond any end", beyond, "a TIFF that is cut off")
    page: list[Entry] = [(256, "I", [1]), (257, "I", [1])]
    directory = tiff_directory(page, at=8, following=8)
    yield Kind(
        "TIFF with a page that follows itself", b"II*\0\x08\0\0\0" + directory, "cannot be decoded"
    )


def _bmps() -> Iterator[Kind]:
    shades = RGB[..., 0]
    upside_down = shades[::-1].tobytes()
    yield result("BMP of a palette", bmp(WIDTH, HEIGHT, upside_down, bits=8), GREY)
    yield result("BMP with rows from the top", bmp(WIDTH, -HEIGHT, shades.tobytes(), bits=8), GREY)
    row = b"".join(bytes([1, shade]) for shade in shades[0]) + b"\0\0"
    packed = bmp(WIDTH, HEIGHT, row * HEIGHT + b"\0\1", bits=8, compression=1)
    yield result("run-length BMP", packed, np.repeat(GREY[:1], HEIGHT, axis=0))
    nibbles = (bytes([WIDTH, 0x77]) + b"\0\0") * HEIGHT + b"\0\1"
    yield result(
        "run-length BMP of 4 bits", bmp(WIDTH, HEIGHT, nibbles, bits=4, compression=2), grey(119)
    )
    jumps = bmp(WIDTH, HEIGHT, b"\0\2\xff\xff" * 99, bits=8, compression=1)
    yield result("run-length BMP that jumps out", jumps, grey(0))
    beyond = bmp(WIDTH, HEIGHT, b"\xff\x77" * 9, bits=8, compression=1)
    yield Kind("run-length BMP of rows too long", beyond, "cannot be decoded")
    yield result(
        "BMP with alpha", bmp(WIDTH, HEIGHT, b"\x10\x10\x10\0" * WIDTH * HEIGHT, bits=32), grey(16)
    )
    yield Kind("BMP of width -5", bmp(-5, HEIGHT, bytes(99)), "a BMP of -5 x 24 pixels")
    yield Kind("BMP of 3 bits", bmp(WIDTH, HEIGHT, bytes(5000), bits=3), "with 3 bits per pixel")
    lowest = bmp(WIDTH, -(1 << 31), bytes(99))
    yield Kind("BMP of the lowest height", lowest, "40 x 2147483648 pixels are too many")


def _webps() -> Iterator[Kind]:
    alpha = np.full((HEIGHT, WIDTH, 1), 99, np.uint8)
    transparent = save(np.dstack([RGB, alpha]), "WEBP", lossless=True, exact=True)
    yield result("WebP with transparency", transparent)
    yield result("animated WebP", frames("WEBP", lossless=True))
    yield result("WebP with garbage at its end", save(RGB, "WEBP", lossless=True) + b"garbage" * 9)
    yield Kind("WebP of an unknown chunk", webp((b"ABCD", b"")), "with an unknown first chunk")
    extended = webp((b"VP8X", bytes(4) + b"\x27\0\0\x17\0\0"))
    yield Kind("WebP that is only a header", extended, "a WEBP of 40 x 24 pixels that cannot be")


def _shapes() -> Iterator[Kind]:
    for height, width in [(1, 1), (65500, 1), (1, 65500)]:
        picture = gradient(height, width)
        yield result(f"JPEG of {width} x {height}", save(picture, "JPEG", quality=95), picture)
        yield result(f"PNG of {width} x {height}", save(picture, "PNG"), picture)


def _read_only_formats() -> Iterator[Kind]:
    """Formats that come back as JPEG."""
    yield Kind("animated GIF", frames("GIF"))  # its 256 colours are not those of the gradient
    yield result("AVIF", save(RGB, "AVIF", quality=95))
    yield result("animated AVIF", frames("AVIF"))
    yield result("JPEG 2000", save(RGB, "JPEG2000"))
    yield result("Netpbm image", save(RGB, "PPM"))
    yield Kind("HEIC", _HEIC.read_bytes(), None, (128, 64))


ODD_IMAGES = [
    *_pngs(),
    *_jpegs(),
    *_broken_exif(),
    *_tiffs(),
    *_bmps(),
    *_webps(),
    *_shapes(),
    *_read_only_formats(),
]
