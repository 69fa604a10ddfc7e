"""Takes the font for Chinese, Japanese and Korean text out of the published OpenCV.

OpenCV's build would download it, but not every host lets it; the published library holds the very
same file, byte for byte, and requirements.txt vouches for that. Start at `main`.
"""

from __future__ import annotations

import hashlib
import re
import sys
import zlib
from pathlib import Path

_GZIP = re.compile(rb"\x1f\x8b\x08")


def wanted_font(imgproc_cmake: str) -> tuple[str, str]:
    """The font's (file name, MD5), as OpenCV's modules/imgproc/CMakeLists.txt names them."""
    found = dict(re.findall(r'set\(UNIFONT_(NAME|MD5) "([^"]+)"\)', imgproc_cmake))
    return found["NAME"], found["MD5"]


def embedded_gzip(data: bytes, md5: str) -> bytes | None:
    """The gzip stream with this MD5 that lies somewhere in `data`."""
    for start in (match.start() for match in _GZIP.finditer(data)):
        reader = zlib.decompressobj(wbits=31)
        try:
            reader.decompress(data[start:])
        except zlib.error:
            continue
        stream = data[start : len(data) - len(reader.unused_data)]
        # MD5 is what OpenCV knows its download by
        if hashlib.md5(stream, usedforsecurity=False).hexdigest() == md5:
            return stream
    return None


def main(library: Path, opencv: Path, downloads: Path) -> None:
    """Puts the font where OpenCV's CMake looks before it downloads."""
    name, md5 = wanted_font((opencv / "modules/imgproc/CMakeLists.txt").read_text())
    font = embedded_gzip(library.read_bytes(), md5)
    if font is None:
        sys.exit(f"{library} does not hold the font {name} (MD5 {md5}) that OpenCV's build wants")
    target = downloads / "unifont" / f"{md5}-{name}"
    target.parent.mkdir(parents=True)
    target.write_bytes(font)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
