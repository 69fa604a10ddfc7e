"""Names the kind of a file that is not a supported image, for error messages; see `describe`."""

from __future__ import annotations

# (position, bytes at that position, the kind's name). The first entry that matches counts
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF8", "a GIF"),
    (4, b"ftypavif", "an AVIF"),
    (4, b"ftypavis", "an AVIF"),
    *((4, b"ftyp" + brand, "an HEIC") for brand in (b"hei", b"hev", b"mif1", b"msf1")),
    (4, b"ftyp", "a video"),
    (0, b"\xff\x0a", "a JPEG XL"),
    (4, b"JXL \r\n\x87\n", "a JPEG XL"),
    (4, b"jP  \r\n\x87\n", "a JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (0, b"%PDF", "a PDF"),
    (0, b"%!PS", "a PostScript file"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"\0\0\1\0", "an icon (ICO)"),
    (0, b"\0\0\2\0", "a cursor (CUR)"),
    (0, b"#?R", "a Radiance HDR"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR"),
    *((0, b"P%d" % kind, "a Netpbm image") for kind in range(1, 8)),
    (128, b"DICM", "a DICOM file"),
    (0, b"RIFF", "a RIFF file of sound or video"),
    (0, b"\x1a\x45\xdf\xa3", "a video"),
    (0, b"PK\3\4", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"version https://git-lfs", "a Git LFS pointer"),
)
_TEXT_SAMPLE = 1024  # bytes that tell text from other data


def describe(data: bytes) -> str:
    """Returns the kind with its article, like "a PDF", or "a file of an unknown kind"."""
    for position, signature, name in _SIGNATURES:
        if data.startswith(signature, position):
            return name
    start = data[:_TEXT_SAMPLE]
    if not start.strip(b"\0"):
        return "a file that starts with only zeros"
    text = start.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()  # UTF-8 or 16
    if text.startswith(b"%pdf"):
        return "a PDF"
    if b"<svg" in text:
        return "an SVG drawing"
    if text.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    if text.startswith(b"<?xml"):
        return "an XML document"
    if text and all(byte >= 0x20 or byte in b"\t\r\n\f\x1b" for byte in text):
        return "a text file"
    return "a file of an unknown kind"
