"""Makes ICC profiles for the colours that HEIF and AVIF state by numbers; see `make_profile`.

The numbers are those of ITU-T H.273: colour primaries and transfer characteristics.
"""

from __future__ import annotations

import functools
import struct

import numpy as np
from numpy.typing import NDArray

Xy = tuple[float, float]

# Red, green and blue, as x and y. All three have the white point D65
_PRIMARIES: dict[int, tuple[Xy, Xy, Xy]] = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),  # BT.709, sRGB
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
}
_D65 = (0.3127, 0.3290)
_D50_XYZ = np.array([0.9642, 1.0, 0.8249])  # the white of profiles (ICC.1:2022, 7.2.16)
# From XYZ to the responses of the eye's cones, and back: Bradford's matrix (ICC.1:2022, annex E)
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_LINEAR, _PQ, _HLG = 8, 16, 18
_WHITE_LUMINANCE = 203.0  # cd/m2 of diffuse white in PQ (ITU-R BT.2408)
_HLG_WHITE = 0.75  # the coded value of diffuse white in HLG (the same)
_POINTS = 1024
_GREY_TAGS = (b"rTRC", b"gTRC", b"bTRC")


@functools.lru_cache(maxsize=8)
def make_profile(primaries: int, transfer: int) -> bytes:
    """Returns an ICC profile for these numbers; empty if they mean sRGB or are not known.

    The colours of HDR transfers (PQ and HLG) are cut off at diffuse white. All transfers of
    ordinary pictures (BT.709, BT.601, BT.2020, sRGB) count as sRGB's, as in browsers.

    >>> make_profile(1, 13), len(make_profile(12, 13))
    (b'', 2356)
    """
    if primaries not in _PRIMARIES or (primaries == 1 and transfer not in (_LINEAR, _PQ, _HLG)):
        return b""
    colorants = _adapt(_PRIMARIES[primaries])
    tags = {
        name: b"XYZ \0\0\0\0" + _fixed(colorants[:, column])
        for column, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))
    }
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + _fixed(_D50_XYZ)
    points = (_linearise(transfer) * 65535).round().astype(">u2")
    curve = b"curv\0\0\0\0" + struct.pack(">I", _POINTS) + points.tobytes()
    return _build(tags, curve)


def _adapt(primaries: tuple[Xy, Xy, Xy]) -> NDArray[np.float64]:
    """Returns the XYZ of red, green and blue under D50, as the columns of a matrix."""
    white = _to_xyz(_D65)
    unscaled = np.stack([_to_xyz(xy) for xy in primaries], axis=1)
    colorants = unscaled * np.linalg.solve(unscaled, white)
    scale = np.diag((_BRADFORD @ _D50_XYZ) / (_BRADFORD @ white))
    return np.asarray(np.linalg.inv(_BRADFORD) @ scale @ _BRADFORD @ colorants)


def _to_xyz(xy: Xy) -> NDArray[np.float64]:
    x, y = xy
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _linearise(transfer: int) -> NDArray[np.float64]:
    """Returns the light, 0 to 1, of `_POINTS` coded values from 0 to 1."""
    coded = np.linspace(0, 1, _POINTS)
    if transfer == _LINEAR:
        return coded
    if transfer == _PQ:  # SMPTE ST 2084
        root = coded ** (32 / 2523)
        light = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
        return np.minimum(light ** (8192 / 1305) * 10_000 / _WHITE_LUMINANCE, 1)
    if transfer == _HLG:  # ARIB STD-B67
        return np.minimum(_hlg_light(coded) / _hlg_light(np.array(_HLG_WHITE)), 1)
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def _hlg_light(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    exponential = (np.exp((coded - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return np.where(coded <= 0.5, coded**2 / 3, exponential)


def _fixed(values: NDArray[np.float64]) -> bytes:
    return struct.pack(">3i", *(round(value * 65536) for value in values))


def _build(tags: dict[bytes, bytes], curve: bytes) -> bytes:
    """Builds a profile of version 2; red, green and blue share a curve (ICC.1:2022, 7.2, 7.3)."""
    position = 128 + 4 + 12 * (len(tags) + len(_GREY_TAGS))
    table, body = struct.pack(">I", len(tags) + len(_GREY_TAGS)), b""
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, position + len(body), len(tag))
        body += tag
    for name in _GREY_TAGS:
        table += struct.pack(">4sII", name, position + len(body), len(curve))
    body += curve
    header = struct.pack(">I4xI4s4s4s12x4s", position + len(body), 0x02400000, b"mntr", b"RGB ",
                         b"XYZ ", b"acsp")  # fmt: skip
    return header.ljust(68, b"\0") + _fixed(_D50_XYZ) + bytes(48) + table + body
