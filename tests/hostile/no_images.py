"""Files that are no image, end too early, or are decompression bombs; see `NO_IMAGES`."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.hostile.builders import (
    HEIGHT,
    MEGABYTE,
    WIDTH,
    bmp,
    deflated_zeros,
    grey_jpeg,
    jpeg_segment,
    png,
    png_chunk,
    png_rows,
    save,
    tiff,
    webp,
)
from tests.hostile.kinds import RGB, Kind, grey, result


def _foreign() -> Iterator[Kind]:
    """Files that are no image, or of a format that is not supported."""
    for name, data, refusal in [
        ("nothing", b"", "the file is empty"),
        ("a byte", b"\xff", "a file of an unknown kind"),
        ("zeros", bytes(5000), "a file that starts with only zeros"),
        ("noise", bytes(range(256)) * 9, "a file of an unknown kind"),
        ("text", b"hello, world\n" * 100, "a text file"),
        ("UTF-16 text", "\ufeffhéllo".encode("utf-16-le"), "a text file"),
        ("HTML", b"\r\n <!DOCTYPE html><title>404</title>", "an HTML page"),
        ("UTF-16 HTML", "\ufeff<html>".encode("utf-16-be"), "an HTML page"),
        ("XML error of S3", b'<?xml version="1.0"?><Error>', "an XML document"),
        ("SVG", b'\xef\xbb\xbf<?xml version="1.0"?>\n<svg xmlns="a">', "an SVG drawing"),
        ("PDF", b"%PDF-1.7\n", "a PDF"),
        ("PostScript", b"%!PS-Adobe-3.0", "a PostScript file"),
        ("Photoshop", b"8BPS\0\1", "a Photoshop file"),
        ("HEIF of zeros", b"\0\0\0\x1cftypheic" + bytes(20), "it has no meta box"),
        ("start of a JPEG 2000", b"\xff\x4f\xff\x51\0", "a JPEG2000 that is cut off in its header"),
        ("text that starts like a PPM", b"P6 is a kind of picture", "a text file"),
        ("QOI", b"qoif" + bytes(20), "a QOI"),
        ("DDS", b"DDS " + bytes(20), "a texture (DDS)"),
        ("Fujifilm's raw file", b"FUJIFILMCCD-RAW 0201", "a camera's raw file (RAF)"),
        ("Windows metafile", b"\xd7\xcd\xc6\x9a" + bytes(20), "a Windows metafile"),
        ("TARGA", save(RGB, "TGA"), "a TARGA image"),
        ("SGI", save(RGB, "SGI"), "an SGI image"),
        ("PCX", save(RGB, "PCX"), "a PCX"),
        ("MP4", b"\0\0\0\x1cftypisom" + bytes(20), "a video"),
        ("WebM", b"\x1a\x45\xdf\xa3" + bytes(20), "a video"),
        ("WAV", b"RIFF\0\0\0\0WAVEfmt ", "a RIFF file of sound or video"),
        ("JPEG XL stream", b"\xff\x0a" + bytes(20), "a JPEG XL"),
        ("JPEG XL box", b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL"),
        ("Radiance HDR", b"#?RADIANCE\n", "a Radiance HDR"),
        ("OpenEXR", b"\x76\x2f\x31\x01\2\0\0\0", "an OpenEXR"),
        ("cursor", b"\0\0\2\0\1\0", "a cursor (CUR)"),
        ("DICOM", bytes(128) + b"DICM", "a DICOM file"),
        ("gzip", gzip.compress(save(RGB, "PNG")), "a gzip archive"),
        ("gzip bomb", gzip.compress(bytes(MEGABYTE)), "a gzip archive"),
        ("Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        ("ICO", save(RGB, "ICO"), "an icon (ICO)"),
        ("GIF that is also HTML", b"GIF89a/*<html>*/=1;<script>alert(1)</script>", "a GIF "),
        ("PDF with a JPEG in it", b"%PDF-1.4\n" + save(RGB, "JPEG"), "a PDF"),
    ]:
        yield Kind(name, data, refusal)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.jpg", save(RGB, "JPEG"))
    yield Kind("ZIP", archive.getvalue(), "a ZIP archive")
    yield result("JPEG that is also a ZIP", save(RGB, "JPEG") + archive.getvalue())


def _cut_off() -> Iterator[Kind]:
    """Files that end too early."""
    noise = np.random.default_rng(1).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    encodings: list[tuple[str, str, dict[str, Any]]] = [
        ("JPEG", "JPEG", {}),
        ("progressive JPEG", "JPEG", {"progressive": True}),
        ("PNG", "PNG", {}),
        ("WebP", "WEBP", {}),
        ("lossless WebP", "WEBP", {"lossless": True}),
        ("TIFF", "TIFF", {}),
        ("LZW TIFF", "TIFF", {"compression": "tiff_lzw"}),
        ("BMP", "BMP", {}),
    ]
    for name, format_name, options in encodings:
        data = save(noise, format_name, **options)
        for eighth in range(1, 8):
            cut = data[: len(data) * eighth // 8]
            yield Kind(f"{name} cut at {eighth}/8", cut, f"a {format_name} ")
    for format_name in ("JPEG", "PNG"):
        data = save(RGB, format_name)
        for name, missing in (("without its last byte", 1), ("without its end", 2)):
            yield Kind(f"{format_name} {name}", data[:-missing], "cut off")
    yield Kind("start of a JPEG", b"\xff\xd8\xff", "a JPEG that is cut off in its header")
    yield Kind("JPEG without a frame", b"\xff\xd8\xff\xda\0\2", "a JPEG without a frame header")


def _bombs() -> Iterator[Kind]:
    """Small files that would take a lot of memory or time to decode."""
    many = "65535 x 65535 pixels are too many"
    pixels = deflated_zeros(16 * MEGABYTE)
    yield Kind("JPEG of 65,535 squared", grey_jpeg(65535, 65535)[:5000], many)
    yield Kind("PNG of 65,535 squared", png(65535, 65535, pixels), many)
    yield Kind("TIFF of 65,535 squared", tiff(65535, 65535, pixels, compression=8), many)
    yield Kind("BMP of 65,535 squared", bmp(65535, 65535, bytes(99)), many)
    canvas = bytes(4) + b"\xff\xff\xff" * 2
    yield Kind("WebP of 2^24 squared", webp((b"VP8X", canvas)), "16777216 x 16777216 pixels are")
    lossy = bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", 16383, 16383)
    yield Kind("WebP of 16,383 squared", webp((b"VP8 ", lossy)), "16383 x 16383 pixels are too")
    yield Kind("TIFF of one long row", tiff(1 << 21, 1, b"\0"), "2097152 x 1 pixels are too many")
    yield result("PNG with too much data", png(WIDTH, HEIGHT, pixels), grey(0))
    text = png_chunk(b"zTXt", b"a\0\0" + deflated_zeros(7 * MEGABYTE)) * 50
    rows = png_rows(np.full((HEIGHT, WIDTH), 77, np.uint8))
    yield result("PNG with texts that inflate", png(WIDTH, HEIGHT, rows, before=text), grey(77))
    header = png(WIDTH, HEIGHT, b"")[:33]
    claims = header + b"\xff\xff\0\0IDAT" + rows
    yield Kind("PNG that claims 4 GB", claims, "a chunk of 4,294,901,760 bytes ends")
    tile = [(322, "I", [16000]), (323, "I", [16000]), (324, "I", [8]), (325, "I", [9])]
    in_tiles = tiff(WIDTH, HEIGHT, bytes(9), extra=tile)
    yield Kind("TIFF with huge tiles", in_tiles, "with tiles of 16000 x 16000 pixels")
    progressive = save(RGB, "JPEG", progressive=True)
    scans = jpeg_segment(0xDA, b"\1\1\0\1\x3f\x10") * 500
    yield Kind("JPEG of many scans", progressive[:-2] + scans + b"\xff\xd9", "510 scans")


NO_IMAGES = [*_foreign(), *_cut_off(), *_bombs()]
