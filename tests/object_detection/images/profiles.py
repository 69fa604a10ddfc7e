"""Builds small ICC profiles; see `rgb_profile`, `grey_profile` and `cmyk_profile`."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

# CIE xy of red, green, blue, and the exponent of the curve; white is D65, or D50 for ProPhoto
SRGB = [(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)]
DISPLAY_P3 = [(0.680, 0.320), (0.265, 0.690), (0.150, 0.060)]
ADOBE_RGB = [(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)]
PROPHOTO = [(0.734699, 0.265301), (0.159597, 0.840403), (0.036598, 0.000105)]
D50 = np.array([0.9642, 1.0, 0.8249])
D65 = np.array([0.95047, 1.0, 1.08883])
SRGB_CURVE = b"para" + struct.pack(
    ">IHH5i",
    0,
    3,
    0,
    *(round(v * 65536) for v in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)),
)
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def gamma_curve(gamma: float) -> bytes:
    return b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256))


def colorants(
    primaries: Sequence[tuple[float, float]], white: NDArray[np.float64] = D65
) -> NDArray[np.float64]:
    """Returns XYZ under D50 of red, green and blue, one a row (ICC.1:2022, annex E)."""
    xyz = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    scaled = xyz * np.linalg.solve(xyz, white)
    adapted = (
        np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ D50) / (_BRADFORD @ white)) @ _BRADFORD
    )
    return np.asarray((adapted @ scaled).T)


def profile(space: bytes, tags: Mapping[bytes, bytes], *, kind: bytes = b"mntr") -> bytes:
    """Builds a version 4 profile of tags."""
    at = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        padded = value + bytes(-len(value) % 4)
        table += struct.pack(">4sII", name, at + len(data), len(value))
        data += padded
    pcs = b"Lab " if b"A2B0" in tags else b"XYZ "
    header = struct.pack(">I4sI4s4s4s", at + len(data), b"lcms", 0x04300000, kind, space, pcs)
    header += struct.pack(">6H4s", 2020, 1, 1, 0, 0, 0, b"acsp")
    header = header.ljust(68, b"\0") + struct.pack(">3i", *(round(v * 65536) for v in D50))
    return header.ljust(128, b"\0") + table + data


def description(text: str) -> bytes:
    coded = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">III2s2sII", 0, 1, 12, b"en", b"US", len(coded), 28) + coded


def xyz(values: Sequence[float] | NDArray[np.float64]) -> bytes:
    return b"XYZ " + struct.pack(">I3i", 0, *(round(v * 65536) for v in values))


def rgb_profile(
    primaries: Sequence[tuple[float, float]],
    curve: bytes = SRGB_CURVE,
    *,
    white: NDArray[np.float64] = D65,
    name: str = "a test",
) -> bytes:
    """Builds a profile of three colorants and one curve for each."""
    red, green, blue = colorants(primaries, white)
    tags = {b"desc": description(name), b"cprt": description(""), b"wtpt": xyz(D50)}
    tags |= {b"rXYZ": xyz(red), b"gXYZ": xyz(green), b"bXYZ": xyz(blue)}
    return profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def grey_profile(curve: bytes) -> bytes:
    tags = {b"desc": description("grey"), b"cprt": description(""), b"wtpt": xyz(D50)}
    return profile(b"GRAY", tags | {b"kTRC": curve})


def cmyk_profile() -> bytes:
    """Builds a printer's profile that darkens less than plain CMYK: a table of two steps a side."""
    table = bytearray()
    for index in range(16):
        c, m, y, k = (index >> shift & 1 for shift in (3, 2, 1, 0))
        lightness = 255 - 70 * c - 90 * m - 20 * y - 200 * k
        a = 128 + (1 - k) * (60 * m - 40 * c)
        b = 128 + (1 - k) * (70 * y - 30 * c - 10 * m)
        table += bytes((max(10, lightness), a, b))
    identity = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 if i in (0, 4, 8) else 0 for i in range(9)))
    lut = (
        b"mft1" + struct.pack(">I4B", 0, 4, 3, 2, 0) + matrix + identity * 4 + table + identity * 3
    )
    tags = {b"desc": description("printer"), b"cprt": description(""), b"wtpt": xyz(D50)}
    return profile(b"CMYK", tags | {b"A2B0": lut}, kind=b"prtr")


WIDE = {
    "Display P3": rgb_profile(DISPLAY_P3, name="Display P3"),
    "Adobe RGB": rgb_profile(ADOBE_RGB, gamma_curve(2.19921875), name="Adobe RGB (1998)"),
    "ProPhoto": rgb_profile(PROPHOTO, gamma_curve(1.8), white=D50, name="ROMM RGB"),
}
