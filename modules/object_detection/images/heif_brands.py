"""Tells HEIF, AVIF and videos apart by the brands in their first box; see `read_brands`."""

from __future__ import annotations

import struct

_MAX_BRANDS = 64
_AVIF = frozenset((b"avif", b"avis"))
_HEIF = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2",
     b"msf1")
)  # fmt: skip
_GENERAL = frozenset((b"mif1", b"mif2", b"msf1"))  # brands of the container, whatever its codec


def read_brands(data: bytes) -> list[bytes]:
    """Returns the major brand, then the compatible ones; empty if there is no `ftyp` box."""
    if data[4:8] != b"ftyp":
        return []
    (length,) = struct.unpack_from(">I", data)
    end = min(length, len(data), 16 + 4 * _MAX_BRANDS)
    return [data[8:12], *(data[start : start + 4] for start in range(16, end - 3, 4))]


def is_avif(data: bytes) -> bool:
    """Returns whether a file is an AVIF picture or sequence."""
    return _read_family(data) == "avif"


def is_heif(data: bytes) -> bool:
    """Returns whether a file is a HEIF picture or sequence, but no AVIF."""
    return _read_family(data) == "heif"


def _read_family(data: bytes) -> str:
    brands = read_brands(data)
    if not brands:
        return ""
    if brands[0] in _GENERAL:  # the compatible brands name the codec
        return "avif" if _AVIF.intersection(brands) else "heif"
    if brands[0] in _AVIF:
        return "avif"
    return "heif" if brands[0] in _HEIF else ""
