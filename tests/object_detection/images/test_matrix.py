"""Formats x depths x encodings x orientations x profiles: the same pixels as in Pillow.

What Pillow itself does not read right, such as most depths of TIFF and most masks of BMP, is
compared with the pixels that were put into the file: see test_tiff_kinds.py and test_bmp.py.
"""

import io
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from PIL import ImageCms, ImageOps

from modules.object_detection.images import FORMATS, decode_image
from tests.hostile.builders import exif, gradient, save
from tests.object_detection.images.profiles import (
    SRGB,
    WIDE,
    gamma_curve,
    grey_profile,
    rgb_profile,
)

HEIGHT, WIDTH = 37, 51
MAX_MEAN_ERROR = {"lossless": 3, "lossy": 6}
PROFILES = {"none": b"", "sRGB": rgb_profile(SRGB), **WIDE}
GREY_PROFILES = {"none": b"", "gamma 1.8": grey_profile(gamma_curve(1.8))}
# Format, modes, options of the encoder, whether a loss is expected
ENCODINGS: list[tuple[str, list[str], list[dict[str, Any]], str]] = [
    (
        "JPEG",
        ["L", "RGB", "CMYK"],
        [
            {"quality": 95, "subsampling": 0},
            {"quality": 90, "progressive": True},
            {"quality": 80, "optimize": True, "subsampling": 1},
            {"quality": 90, "restart_marker_blocks": 2},
        ],
        "lossy",
    ),
    ("PNG", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"], [{}, {"compress_level": 0}], "lossless"),
    ("WEBP", ["RGB", "RGBA"], [{"lossless": True, "exact": True}], "lossless"),
    ("WEBP", ["RGB", "RGBA"], [{"quality": 90, "exact": True}], "lossy"),
    (
        "TIFF",
        ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"],
        [
            {},
            {"compression": "tiff_lzw"},
            {"compression": "tiff_adobe_deflate"},
            {"compression": "packbits"},
        ],
        "lossless",
    ),
    (
        "TIFF",
        ["L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"],
        [{"compression": "tiff_lzw", "tiffinfo": {317: 2}}],
        "lossless",
    ),
    ("TIFF", ["L", "RGB", "CMYK"], [{"compression": "jpeg", "quality": 90}], "lossy"),
    ("TIFF", ["1"], [{"compression": f"group{kind}"} for kind in (3, 4)], "lossless"),
    ("BMP", ["1", "L", "P", "RGB", "RGBA"], [{}], "lossless"),
    ("AVIF", ["RGB", "RGBA"], [{"quality": 90, "speed": 10}], "lossy"),
    ("JPEG2000", ["L", "LA", "RGB", "RGBA"], [{}, {"irreversible": True}], "lossless"),
    ("GIF", ["1", "L", "P"], [{}, {"interlace": False}], "lossless"),
]
WITHOUT_EXIF = ("BMP", "JPEG2000", "GIF")
WITHOUT_PROFILE = ("BMP", "GIF", "JPEG2000")


def picture(mode: str) -> PIL.Image.Image:
    rgb = PIL.Image.fromarray(gradient(HEIGHT, WIDTH))
    if mode == "I;16":
        return PIL.Image.fromarray(gradient(HEIGHT, WIDTH)[..., 1].astype(np.uint16) * 257)
    if mode in ("LA", "RGBA"):
        rgb = rgb.convert(mode)
        rgb.putalpha(
            PIL.Image.fromarray(np.tile(np.arange(WIDTH, dtype=np.uint8) * 5, (HEIGHT, 1)))
        )
        return rgb
    if mode == "P":
        return rgb.convert("P", palette=PIL.Image.Palette.ADAPTIVE)
    return rgb.convert(mode)


def variants(
    format_name: str, mode: str, options: list[dict[str, Any]]
) -> Iterator[tuple[str, bytes, bytes]]:
    """Yields a name, the bytes of a file, and the profile in it."""
    profiles = {"none": b""} if mode in ("1", "P", "CMYK", "I;16") else PROFILES
    profiles = GREY_PROFILES if mode in ("L", "LA") else profiles
    if format_name in WITHOUT_PROFILE:
        profiles = {"none": b""}
    orientations = [1] if format_name in WITHOUT_EXIF else range(1, 9)
    for own, orientation, (name, profile) in itertools.product(
        options, orientations, profiles.items()
    ):
        if orientation not in (1, 6) and (name != "none" or own != options[0]):
            continue  # turning depends on neither
        more: dict[str, Any] = dict(own)
        if orientation != 1:
            more["exif"] = exif((0x112, "H", [orientation]))
        if profile:
            more["icc_profile"] = profile
        yield f"{own} {orientation} {name}", save(picture(mode), format_name, **more), profile


def reference(data: bytes, profile: bytes) -> NDArray[np.int16]:
    """Decodes with Pillow: upright, alpha left out, colours as sRGB."""
    image: PIL.Image.Image = PIL.Image.open(io.BytesIO(data))
    image = ImageOps.exif_transpose(image) or image
    if image.mode.startswith("I"):
        image = PIL.Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
    if image.mode == "LA":
        image = image.getchannel("L")
    if profile:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "RGBA":
            image = image.convert("RGB")
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        assert converted is not None
        image = converted
    return np.asarray(image.convert("RGB")).astype(np.int16)


@pytest.mark.parametrize(
    ("format_name", "modes", "options", "loss"),
    ENCODINGS,
    ids=[f"{name}-{loss}-{number}" for number, (name, _, _, loss) in enumerate(ENCODINGS)],
)
def test_the_pixels_are_those_of_pillow(
    format_name: str, modes: list[str], options: list[dict[str, Any]], loss: str
) -> None:
    differences = []
    count = 0
    for mode in modes:
        for name, data, profile in variants(format_name, mode, options):
            count += 1
            decoded = decode_image(data, max_pixels=10_000).pixels[..., ::-1]
            expected = reference(data, profile)
            if decoded.shape != expected.shape:
                differences.append(f"{mode} {name}: {decoded.shape} instead of {expected.shape}")
            elif (error := abs(decoded - expected).mean()) >= MAX_MEAN_ERROR[loss]:
                differences.append(f"{mode} {name}: differs by {error:.1f} levels")

    assert differences == []
    assert count >= len(modes) * len(options)


def test_every_format_is_in_the_matrix() -> None:
    tested = {name.lower() for name, _, _, _ in ENCODINGS}

    assert set(FORMATS) - tested <= {"heif", "netpbm"}  # Pillow writes no HEIF; see test_netpbm.py


CASES = Path(os.environ.get("SHARED_DATA", "../shared")) / "cases" / "pictures"


@pytest.mark.skipif(not CASES.is_dir(), reason=f"no pictures in {CASES}")
def test_pictures_that_failed_once_show_the_same_photo() -> None:
    (plain,) = (path.read_bytes() for path in CASES.glob("photo.jfif"))
    photo = PIL.Image.fromarray(decode_image(plain, max_pixels=200_000).pixels[..., ::-1])
    paths = sorted(CASES.iterdir())

    for path in paths:
        pixels = decode_image(path.read_bytes(), max_pixels=200_000).pixels[..., ::-1]
        size = (192, 144) if path.name == "rgb565.bmp" else (384, 288)
        if path.name.startswith("grey"):
            size = (320, 240)
        assert pixels.shape == (size[1], size[0], 3), path.name
        wanted = photo.convert("L").convert("RGB") if path.name.startswith("grey") else photo
        error = abs(pixels.astype(np.int16) - np.asarray(wanted.resize(size))).mean()
        assert error < 12, path.name  # palettes and lossy encodings
    assert len(paths) >= 12
