"""Identifies the libraries that packages bring along: shared ones, and those inside OpenCV.

Start at `shared_library` and `compiled_in`. Both read the binaries, of any architecture, so the
result is what really is in the layer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

_Value = TypeVar("_Value", str, bytes)

# SPDX expressions by a prefix of the library's name. FFmpeg is built without its parts under the
# GPL. GCC's exception allows linking anything with its libraries.
_GCC = "GPL-3.0-or-later WITH GCC-exception-3.1"
_LICENCES = {
    "flatbuffers": "Apache-2.0",
    "ipp": "LicenseRef-Intel-Simplified-Software-License",
    "ipphal": "Apache-2.0",
    "ittnotify": "BSD-3-Clause OR GPL-2.0-only",
    "kleidicv": "Apache-2.0",
    "libaom": "BSD-2-Clause",
    "libav": "LGPL-2.1-or-later",
    "libavif": "BSD-2-Clause",
    "libcrypto": "OpenSSL",
    "libdrm": "MIT",
    "libgfortran": _GCC,
    "libjpeg-turbo": "IJG AND BSD-3-Clause AND Zlib",
    "libopenblas": "BSD-3-Clause",
    "libopenjp2": "BSD-2-Clause",
    "libpng": "libpng-2.0",
    "libprotobuf": "BSD-3-Clause",
    "libquadmath": "LGPL-2.1-or-later",
    "libscipy_openblas": "BSD-3-Clause",
    "libssl": "OpenSSL",
    "libsw": "LGPL-2.1-or-later",
    "libtiff": "libtiff",
    "libvpx": "BSD-3-Clause",
    "libwebp": "BSD-3-Clause",
    "mlas": "MIT",
    "tegra_hal": "BSD-3-Clause",
    "zlib": "Zlib",
}
# Libraries that state their version in their content, not in their file name
_CONTENT_VERSIONS = {
    "libcrypto": rb"OpenSSL (\d[\w.]*\w)",
    "libpng": rb"libpng version (\d[\d.]*\d)",
    "libscipy_openblas": rb"OpenBLAS (\d[\d.]*\d)",
    "libssl": rb"OpenSSL (\d[\w.]*\w)",
    "libvpx": rb"\0v(\d+\.\d+\.\d+)\0",
}
# auditwheel puts a hash before the first dot, for OpenBLAS inside its "-r0.3.3": after "-r0"
_SHARED = re.compile(
    r"(?P<name>.+?)(?:-r(?P<first>\d+))?(?:-[0-9a-f]{8})+(?P<before>[\d.]*)\.so(?P<after>[\w.]*)"
)

# OpenCV's binary holds a text about its build, which begins like this and ends with a NUL
_BUILD_INFORMATION = re.compile(rb"General configuration for OpenCV ([\d.]+)[^\0]*")
_BUILD_VERSIONS = {
    "ipphal": r"Custom HAL:.*ipp \(ver ([\d.]+)",
    "ippicv": r"Intel IPP: +([\d.]+)",
    "ippiw": r"Intel IPP IW: .*\(([\d.]+)",
    "ittnotify": r"Intel ITT\(([\d.]+)",
    "kleidicv": r"KleidiCV \(ver ([\d.]+)",
    "libjpeg-turbo": r"JPEG: +build-libjpeg-turbo \(ver ([\d.]+)",
    "libopenjp2": r"JPEG 2000: +build \(ver ([\d.]+)",
    "libpng": r"PNG: +build \(ver ([\d.]+)",
    "libprotobuf": r"Protobuf: +build \(([\d.]+)",
    "libtiff": r"TIFF: +build \(ver \d+ - ([\d.]+)",
    "tegra_hal": r"carotene \(ver ([\d.]+)",
    "zlib": r"ZLib: +build \(ver ([\d.]+)",
}
# Header-only or copied libraries, which OpenCV's "3rdparty dependencies" does not list
_COPIED_IN = {
    "mlas": r"DNN MLAS: +YES()",
    "flatbuffers": r"Flatbuffers: +builtin/3rdparty \(([\d.]+)",
}
# OpenCV's text has only the version of WebP's interface. WebP's own version, by OpenCV's version,
# is in 3rdparty/libwebp/src/dec/vp8i_dec.h of OpenCV's sources
WEBP = {"5.0.0": "1.6.0"}


@dataclass(frozen=True)
class Bundled:
    """A library inside a package. `version` and `licence` (SPDX) are None if they are unknown."""

    name: str
    version: str | None
    licence: str | None


def shared_library(path: str, data: bytes) -> Bundled:
    """Identifies a file of a package's .libs folder.

    >>> shared_library("numpy.libs/libgfortran-040039e1-0352e75f.so.5.0.0", b"").version
    '5.0.0'
    """
    filename = PurePosixPath(path).name
    if not (named := _SHARED.fullmatch(filename)):
        return Bundled(filename, None, _by_prefix(_LICENCES, filename))
    name = named["name"].rstrip("_")
    version = f"{named['first'] or ''}{named['before'] or named['after']}".strip(".") or None
    pattern = _by_prefix(_CONTENT_VERSIONS, name)
    if pattern and (found := re.search(pattern, data)):
        version = found[1].decode()
    return Bundled(name, version, _by_prefix(_LICENCES, name))


def compiled_in(cv2: bytes) -> list[Bundled]:
    """Returns the libraries that were compiled into OpenCV's binary, in the order of their names.

    Raises:
        ValueError: the binary holds no list of them.
    """
    built = _BUILD_INFORMATION.search(cv2)
    text = built[0].decode() if built else ""
    if not (built and (listed := re.search(r"3rdparty dependencies: *(.*)", text))):
        raise ValueError("this cv2 has no list of the libraries that were compiled into it")
    versions = {name: _find(_by_prefix(_BUILD_VERSIONS, name), text) for name in listed[1].split()}
    if "libwebp" in versions:
        versions["libwebp"] = WEBP.get(built[1].decode())
    for name, pattern in _COPIED_IN.items():
        if re.search(pattern, text):
            versions[name] = _find(pattern, text)
    return [
        Bundled(name, version, _by_prefix(_LICENCES, name))
        for name, version in sorted(versions.items())
    ]


def _find(pattern: str | None, text: str) -> str | None:
    """Returns the version that a pattern captures, or None."""
    found = re.search(pattern, text) if pattern else None
    return (found[1] or None) if found else None


def _by_prefix(table: Mapping[str, _Value], name: str) -> _Value | None:
    """Returns the value of the longest key that the name begins with, or None."""
    keys = [key for key in table if name.startswith(key)]
    return table[max(keys, key=len)] if keys else None
