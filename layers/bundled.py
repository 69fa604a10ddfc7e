"""Identifies the libraries that packages bring along: shared ones, and those compiled into others.

Start at `shared_library`, `within_library` and `compiled_in`. They read the binaries, of any
architecture, so the result is what really is in the layer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

_Value = TypeVar("_Value")

# SPDX expressions by a prefix of the library's name. FFmpeg is built without its parts under the
# GPL. GCC's exception allows linking anything with its libraries.
_GCC = "GPL-3.0-or-later WITH GCC-exception-3.1"
_LICENCES = {
    "dav1d": "BSD-2-Clause",
    "flatbuffers": "Apache-2.0",
    "ipp": "LicenseRef-Intel-Simplified-Software-License",
    "ipphal": "Apache-2.0",
    "ittnotify": "BSD-3-Clause OR GPL-2.0-only",
    "kleidicv": "Apache-2.0",
    "libXau": "MIT-open-group",
    "libaom": "BSD-2-Clause",
    "libav": "LGPL-2.1-or-later",
    "libavif": "BSD-2-Clause",
    "libcrypto": "OpenSSL",
    "libde265": "LGPL-3.0-or-later",
    "libdrm": "MIT",
    "libgfortran": _GCC,
    "libheif": "LGPL-3.0-or-later",
    "libjpeg": "IJG AND BSD-3-Clause AND Zlib",  # libjpeg-turbo, by either name
    "liblcms2": "MIT",
    "liblzma": "0BSD",
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
    "libxcb": "X11",
    "libyuv": "BSD-3-Clause",
    "libzstd": "BSD-3-Clause",  # or GPL-2.0, whichever the user chooses
    "mlas": "MIT",
    "tegra_hal": "BSD-3-Clause",
    "zlib": "Zlib",
}
# Libraries that state their version in their content, not in their file name
_CONTENT_VERSIONS = {
    "libcrypto": rb"OpenSSL (\d[\w.]*\w)",
    "libde265": rb"\0(\d+\.\d+\.\d+)\0",
    "libjpeg": rb"libjpeg-turbo version (\d[\d.]*\d)",
    "libpng": rb"libpng version (\d[\d.]*\d)",
    "libscipy_openblas": rb"OpenBLAS (\d[\d.]*\d)",
    "libssl": rb"OpenSSL (\d[\w.]*\w)",
    "libtiff": rb"LIBTIFF, Version (\d[\d.]*\d)",
    "libvpx": rb"\0v(\d+\.\d+\.\d+)\0",
}
# auditwheel puts a hash before the first dot, for OpenBLAS inside its "-r0.3.3": after "-r0"
_SHARED = re.compile(
    r"(?P<name>.+?)(?:-r(?P<first>\d+))?(?:-[0-9a-f]{8})+(?P<before>[\d.]*)\.so(?P<after>[\w.]*)"
)
# The files of some libraries have only the version of their interface. These are the versions that
# the wheel's own bill of materials states (its .dist-info/sboms), by the wheel's version
PILLOW = {
    "13.0.0": {
        "libXau": "1.0.9",
        "libavif": "1.4.2",
        "liblcms2": "2.19.1",
        "libxcb": "1.17.0",
    }
}
# Libraries that are compiled into shared ones, with the text by which they are recognised, and
# which may hold their version
_WITHIN = {
    "libavif": {
        "dav1d": rb"(\d+\.\d+\.\d+)-\d+-g[0-9a-f]{7,}\0",
        "libaom": rb"AOMedia Project AV1 Encoder (\d[\d.]*\d)",
        "libyuv": rb"() for libyuv",
    }
}
# Where the source is of libraries whose licence demands that it can be had
_SOURCES = {
    "libav": "https://ffmpeg.org/releases/",
    "libde265": "https://github.com/strukturag/libde265/releases/tag/v{version}",
    "libheif": "https://github.com/strukturag/libheif/releases/tag/v{version}",
    "libquadmath": "https://gcc.gnu.org/releases.html",
    "libsw": "https://ffmpeg.org/releases/",
}

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
    """A library inside a package.

    Attributes:
        version: None if it is unknown.
        licence: an SPDX expression, or None if it is unknown.
        source: the address of its source, for libraries under the LGPL; otherwise empty.
    """

    name: str
    version: str | None
    licence: str | None
    source: str = ""


def shared_library(path: str, data: bytes, stated: Mapping[str, str] | None = None) -> Bundled:
    """Identifies a file of a package's .libs folder.

    Args:
        path: the path of the file.
        data: its content.
        stated: the versions that neither the name nor the content has, by the library's name.

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
    version = (stated or {}).get(name, version)
    source = (_by_prefix(_SOURCES, name) or "").format(version=version)
    licence = _by_prefix(_LICENCES, name)
    return Bundled(name, version, licence, source if is_lgpl(licence) else "")


def is_lgpl(licence: str | None) -> bool:
    """Returns whether an SPDX expression is the GNU Lesser General Public License."""
    return (licence or "").startswith("LGPL-")


def within_library(name: str, data: bytes) -> list[Bundled]:
    """Returns the libraries that were compiled into a shared library, in the order of their names.

    Only libraries in `_WITHIN` are recognised.
    """
    patterns = _by_prefix(_WITHIN, name) or {}
    found = {part: re.search(pattern, data) for part, pattern in patterns.items()}
    return [
        Bundled(part, match[1].decode() or None, _by_prefix(_LICENCES, part))
        for part, match in found.items()
        if match
    ]


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
