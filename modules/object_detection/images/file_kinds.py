"""Names the kind of a file that is not a supported image, for error messages; see `describe`."""

from __future__ import annotations

from .camera_raw import name_raw

# (position, bytes at that position, the kind's name). The first entry that matches counts. No file
# of a supported format matches one: a test compares them with registry.py
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftypqt  ", "a video (QuickTime)"),
    (4, b"ftyp", "a video"),
    *((4, kind, "a video (QuickTime)") for kind in (b"moov", b"mdat", b"wide", b"pnot")),
    (0, b"\xff\x0a", "a JPEG XL"),
    (4, b"JXL \r\n\x87\n", "a JPEG XL"),
    (0, b"II\xbc\x01", "a JPEG XR"),
    (0, b"\x97JB2\r\n\x1a\n", "a JBIG2"),
    (0, b"BPG\xfb", "a BPG"),
    (0, b"FLIF", "a FLIF"),
    (0, b"%PDF", "a PDF"),
    (0, b"%!PS", "a PostScript file"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"gimp xcf", "a GIMP file (XCF)"),
    (0, b"AT&TFORM", "a DjVu document"),
    (0, b"\0\0\1\0", "an icon (ICO)"),
    (0, b"\0\0\2\0", "a cursor (CUR)"),
    (0, b"icns", "an icon (ICNS)"),
    (0, b"\xd7\xcd\xc6\x9a", "a Windows metafile"),
    (0, b"\1\0\x09\0\0\3", "a Windows metafile"),
    (40, b" EMF", "a Windows metafile"),
    (0, b"qoif", "a QOI"),
    (0, b"DDS ", "a texture (DDS)"),
    (0, b"\xabKTX ", "a texture (KTX)"),
    (0, b"\1\xda\0\1", "an SGI image"),
    (0, b"\1\xda\1\1", "an SGI image"),
    (0, b"\x59\xa6\x6a\x95", "a Sun raster"),
    (0, b"\x0a\5\1\1", "a PCX"),
    (0, b"\x0a\5\1\4", "a PCX"),
    (0, b"\x0a\5\1\x08", "a PCX"),
    (0, b"/* XPM", "an X pixmap"),
    (0, b"\x8aMNG\r\n\x1a\n", "an MNG"),
    (0, b"\x8bJNG\r\n\x1a\n", "a JNG"),
    (0, b"#?R", "a Radiance HDR"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR"),
    (0, b"PF\n", "a floating-point image (PFM)"),
    (0, b"Pf\n", "a floating-point image (PFM)"),
    (0, b"SIMPLE  =", "a FITS file"),
    (128, b"DICM", "a DICOM file"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"RIFF", "a RIFF file of sound or video"),
    (0, b"\x1a\x45\xdf\xa3", "a video"),
    (0, b"\0\0\1\xba", "a video (MPEG)"),
    (0, b"\0\0\1\xb3", "a video (MPEG)"),
    (0, b"FLV\1", "a video (Flash)"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a video (Windows Media)"),
    (0, b"OggS", "an Ogg file of sound or video"),
    (0, b"ID3", "a sound (MP3)"),
    (0, b"PK\3\4", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\0", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a Microsoft Office document"),
    (0, b"version https://git-lfs", "a Git LFS pointer"),
)
_TARGA_FOOTER = b"TRUEVISION-XFILE.\0"
_TEXT_SAMPLE = 1024  # bytes that tell text from other data


def describe(data: bytes) -> str:
    """Returns the kind with its article, like "a PDF", or "a file of an unknown kind"."""
    if raw := name_raw(data):
        return f"a camera's raw file ({raw})"
    if data.endswith(_TARGA_FOOTER):  # its first bytes may be those of a cursor
        return "a TARGA image"
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
