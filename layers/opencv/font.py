"""Extracts the font for Chinese, Japanese and Korean text from the published OpenCV; see `main`.

OpenCV's build would download the font, which not every host allows. The published library contains
the same file, byte for byte, and requirements.txt pins that library by hash.
"""

from __future__ import annotations

import hashlib
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

_GZIP = re.compile(rb"\x1f\x8b\x08")


def required_font(imgproc_cmake: str) -> tuple[str, str]:
    """Returns the font's (file name, MD5) from OpenCV's modules/imgproc/CMakeLists.txt."""
    found = dict(re.findall(r'set\(UNIFONT_(NAME|MD5) "([^"]+)"\)', imgproc_cmake))
    return found["NAME"], found["MD5"]


def gzip_streams(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields every gzip stream in `data`, and what it unpacks to."""
    for start in (match.start() for match in _GZIP.finditer(data)):
        reader = zlib.decompressobj(wbits=31)
        try:
            unpacked = reader.decompress(data[start:])
        except zlib.error:
            continue
        yield data[start : len(data) - len(reader.unused_data)], unpacked


def embedded_gzip(data: bytes, md5: str) -> bytes | None:
    """Returns the gzip stream in `data` that has this MD5, or None."""
    for stream, _ in gzip_streams(data):
        # OpenCV identifies its download by the MD5
        if hashlib.md5(stream, usedforsecurity=False).hexdigest() == md5:
            return stream
    return None


def main(library: Path, opencv: Path, downloads: Path) -> None:
    """Writes the font to the place where OpenCV's CMake looks before it downloads."""
    name, md5 = required_font((opencv / "modules/imgproc/CMakeLists.txt").read_text())
    font = embedded_gzip(library.read_bytes(), md5)
    if font is None:
        sys.exit(f"{library} does not hold the font {name} (MD5 {md5}) that OpenCV's build needs")
    target = downloads / "unifont" / f"{md5}-{name}"
    target.parent.mkdir(parents=True)
    target.write_bytes(font)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
