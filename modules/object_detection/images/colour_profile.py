"""Converts pixels from the colours of an ICC profile to sRGB; see `convert_to_srgb`.

Networks are trained on sRGB, and a viewer takes a picture without a profile for sRGB. Pillow's
ImageCms (Little CMS) converts. It is imported only for profiles of other colours than sRGB:
`is_srgb` recognises sRGB by the numbers in the profile, whatever the profile calls itself.
"""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import PIL.Image

MAX_PROFILE_BYTES = 4 << 20  # printers' profiles have up to 3 MB
_MAX_SRGB_BYTES = 1 << 17  # the largest sRGB profile in use, with tables, has 64 kB
_STRIP_PIXELS = 1 << 18
_HEADER_BYTES, _TAG_BYTES, _MAX_TAGS = 128, 12, 100
_MAX_CURVE_POINTS = 4096
# Red, green and blue of sRGB in XYZ under D50, as profiles have them (ICC.1:2022, annex E)
_SRGB_COLORANTS = np.array(
    [[0.4361, 0.2225, 0.0139], [0.3851, 0.7169, 0.0971], [0.1431, 0.0606, 0.7139]]
)
_COLORANT_TOLERANCE = 0.003
_CURVE_TOLERANCE = 2.5 / 255  # of a coded value; compact sRGB profiles have curves of few points
_CODED = np.linspace(0, 1, 33)
# Parameters of a `para` curve of each type: g, a, b, c, d, e, f (ICC.1:2022, table 68)
_PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}


def convert_to_srgb(pixels: NDArray[np.uint8], profile: bytes) -> NDArray[np.uint8]:
    """Converts `(H, W, 3)` uint8 BGR to sRGB in place, strip by strip, and returns it.

    Nothing is converted if there is no profile, or if it is sRGB, broken, or for another kind of
    pixels: viewers ignore such a profile, too.
    """
    if not profile or is_srgb(profile):
        return pixels
    mode = {b"RGB ": "RGB", b"GRAY": "L"}.get(profile[16:20])
    if mode is None or (mode == "L" and not _is_grey(pixels)):
        return pixels
    convert = _converter(profile, mode)
    if convert is None:
        return pixels
    import PIL.Image

    width = pixels.shape[1]
    for strip in _strips(pixels):
        data = strip.tobytes() if mode == "RGB" else strip[..., 0].tobytes()
        raw = "BGR" if mode == "RGB" else "L"
        image = PIL.Image.frombuffer(mode, (width, len(strip)), data, "raw", raw, 0, 1)
        converted = convert(image).tobytes("raw", "BGR")
        strip[:] = np.frombuffer(converted, np.uint8).reshape(strip.shape)
    return pixels


def convert_cmyk_to_srgb(image: PIL.Image.Image, profile: bytes) -> NDArray[np.uint8] | None:
    """Converts a CMYK image to `(H, W, 3)` uint8 BGR in sRGB, strip by strip.

    Returns:
        None if the profile is broken or not for CMYK.
    """
    convert = find_cmyk_converter(profile)
    if convert is None:
        return None
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    top = 0
    for strip in _strips(pixels):
        strip[:] = convert(image.crop((0, top, image.width, top + len(strip))))
        top += len(strip)
    return pixels


def find_cmyk_converter(
    profile: bytes,
) -> Callable[[PIL.Image.Image], NDArray[np.uint8]] | None:
    """Returns a function that converts a small CMYK image to `(H, W, 3)` uint8 BGR in sRGB.

    Returns:
        None if the profile is broken or not for CMYK.
    """
    converter = _converter(profile, "CMYK") if profile[16:20] == b"CMYK" else None
    if converter is None:
        return None
    to_rgb = converter

    def convert(image: PIL.Image.Image) -> NDArray[np.uint8]:
        data = to_rgb(image).tobytes("raw", "BGR")
        return np.frombuffer(data, np.uint8).reshape(image.height, image.width, 3)

    return convert


def _converter(profile: bytes, mode: str) -> Callable[[PIL.Image.Image], PIL.Image.Image] | None:
    """Returns a function that converts an image to sRGB; None if the profile is broken."""
    if len(profile) > MAX_PROFILE_BYTES:
        return None
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return transform.apply


def _strips(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    height, width = pixels.shape[:2]
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield pixels[top : top + rows]


def _is_grey(pixels: NDArray[np.uint8]) -> bool:
    return all(
        np.array_equal(strip[..., 0], strip[..., channel])
        for strip in _strips(pixels)
        for channel in (1, 2)
    )


def is_srgb(profile: bytes) -> bool:
    """Returns whether a profile's colours are those of sRGB, or so close that no eye tells.

    A profile that has tables (`A2B0`) instead of colorants and curves is taken for sRGB if its
    description begins with sRGB.
    """
    return len(profile) <= _MAX_SRGB_BYTES and _is_srgb(profile)


@functools.lru_cache(maxsize=8)
def _is_srgb(profile: bytes) -> bool:
    try:
        if profile[16:20] != b"RGB " or profile[36:40] != b"acsp":
            return False
        tags = _read_tags(profile)
        if b"A2B0" in tags:
            return _description(tags.get(b"desc", b"")).startswith("sRGB")
        colorants = np.array([_read_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")])
        if np.abs(colorants - _SRGB_COLORANTS).max() > _COLORANT_TOLERANCE:
            return False
        curves = {tags[name] for name in (b"rTRC", b"gTRC", b"bTRC")}
        return all(_is_srgb_curve(curve) for curve in curves)
    except (struct.error, KeyError, ValueError, OverflowError):
        return False


def _read_tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, _HEADER_BYTES)
    tags = {}
    for number in range(min(count, _MAX_TAGS)):
        entry = _HEADER_BYTES + 4 + number * _TAG_BYTES
        name, offset, size = struct.unpack_from(">4sII", profile, entry)
        tags[name] = profile[offset : offset + size]
    return tags


def _read_xyz(tag: bytes) -> tuple[float, ...]:
    return tuple(value / 65536 for value in struct.unpack_from(">3i", tag, 8))


def _description(tag: bytes) -> str:
    """Returns the text of a `desc` tag, or the first text of an `mluc` tag."""
    if tag[:4] == b"mluc":
        size, offset = struct.unpack_from(">II", tag, 20)
        return tag[offset : offset + size].decode("utf-16-be", "replace")
    return tag[12:].split(b"\0", 1)[0].decode("latin-1")


def _is_srgb_curve(tag: bytes) -> bool:
    light = _evaluate_curve(tag)
    if light is None:
        return False
    coded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return bool(np.abs(coded - _CODED).max() <= _CURVE_TOLERANCE)


def _evaluate_curve(tag: bytes) -> NDArray[np.float64] | None:
    """Returns the light, 0 to 1, of the coded values `_CODED` (ICC.1:2022, 10.6 and 10.18)."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return _CODED
        if count == 1:
            return np.asarray(_CODED ** (struct.unpack_from(">H", tag, 12)[0] / 256))
        if count > _MAX_CURVE_POINTS:
            return None
        points = np.frombuffer(tag, ">u2", count, 12) / 65535
        return np.interp(_CODED, np.linspace(0, 1, count), points)
    if tag[:4] == b"para":
        (kind,) = struct.unpack_from(">H", tag, 8)
        if kind not in _PARAMETERS:
            return None
        values = [v / 65536 for v in struct.unpack_from(f">{_PARAMETERS[kind]}i", tag, 12)]
        return _evaluate_parametric(kind, values)
    return None


def _evaluate_parametric(kind: int, values: list[float]) -> NDArray[np.float64]:
    """Returns `(a x + b) ** g + e` from x = d on, and `c x + f` below."""
    gamma, a, b, c, d, e, f = 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0
    if kind == 0:
        (gamma,) = values
    elif kind == 1:
        gamma, a, b = values
        d = -b / a if a else 0.0
    elif kind == 2:
        gamma, a, b, e = values
        d, f = -b / a if a else 0.0, e
    elif kind == 3:
        gamma, a, b, c, d = values
    else:
        gamma, a, b, c, d, e, f = values
    power = np.maximum(a * _CODED + b, 0) ** gamma + e
    return np.clip(np.where(d <= _CODED, power, c * _CODED + f), 0, 1)
