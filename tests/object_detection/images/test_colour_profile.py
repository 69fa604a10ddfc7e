import io
import struct
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from PIL import ImageCms

from modules.object_detection.images import colour_profile
from modules.object_detection.images.colour_profile import (
    convert_cmyk_to_srgb,
    convert_to_srgb,
    is_srgb,
)
from tests.hostile.builders import gradient
from tests.object_detection.images.profiles import (
    D50,
    SRGB,
    SRGB_CURVE,
    WIDE,
    cmyk_profile,
    colorants,
    description,
    gamma_curve,
    grey_profile,
    profile,
    rgb_profile,
)

SRGB_TABLE = np.where(
    (coded := np.linspace(0, 1, 1024)) <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4
)
TABLE_CURVE = b"curv" + struct.pack(">II1024H", 0, 1024, *np.round(SRGB_TABLE * 65535).astype(int))
# The same curve with 26 points, as in the smallest sRGB profiles
SHORT_CURVE = (
    b"curv"
    + struct.pack(">II", 0, 26)
    + np.round(np.interp(np.linspace(0, 1, 26), coded, SRGB_TABLE) * 65535).astype(">u2").tobytes()
)


def bgr() -> NDArray[np.uint8]:
    return np.ascontiguousarray(gradient(96, 128)[..., ::-1])


@pytest.mark.parametrize(
    "data",
    [
        rgb_profile(SRGB),
        rgb_profile(SRGB, TABLE_CURVE),
        rgb_profile(SRGB, SHORT_CURVE),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        profile(b"RGB ", {b"A2B0": b"mft2", b"desc": description("sRGB v4 ICC preference")}),
    ],
    ids=["parameters", "table", "short table", "Little CMS", "named tables"],
)
def test_srgb_is_recognised_and_changes_nothing(data: bytes) -> None:
    assert is_srgb(data)
    np.testing.assert_array_equal(convert_to_srgb(bgr(), data), bgr())


def test_the_name_of_a_profile_with_colorants_does_not_count() -> None:
    primaries = [(0.680, 0.320), (0.265, 0.690), (0.150, 0.060)]

    assert not is_srgb(rgb_profile(primaries, name="sRGB IEC61966-2.1"))


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2, 2.6])
def test_another_curve_is_not_srgb(gamma: float) -> None:
    assert not is_srgb(rgb_profile(SRGB, gamma_curve(gamma)))


def test_no_library_is_imported_for_srgb_or_for_no_profile() -> None:
    script = """
import sys, numpy
from modules.object_detection.images.colour_profile import convert_to_srgb
for profile in (b"", bytes.fromhex(sys.argv[1])):
    convert_to_srgb(numpy.zeros((2, 2, 3), numpy.uint8), profile)
assert not [name for name in sys.modules if name.startswith("PIL")]
"""
    command = [sys.executable, "-c", script, rgb_profile(SRGB).hex()]

    subprocess.run(command, check=True, timeout=240)


def linear(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def test_display_p3_becomes_srgb_by_the_formula() -> None:
    primaries = [(0.680, 0.320), (0.265, 0.690), (0.150, 0.060)]
    light = linear(gradient(96, 128) / 255) @ colorants(primaries) @ np.linalg.inv(colorants(SRGB))
    light = np.clip(light, 0, 1)
    expected = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255

    converted = convert_to_srgb(bgr(), WIDE["Display P3"])[..., ::-1]

    assert np.abs(converted - expected).max() <= 2
    assert np.abs(converted - gradient(96, 128).astype(np.int16)).max() > 20


@pytest.mark.parametrize("name", WIDE)
def test_strips_are_converted_in_place_as_pillow_converts_the_whole_picture(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(colour_profile, "_STRIP_PIXELS", 1000)
    source = ImageCms.ImageCmsProfile(io.BytesIO(WIDE[name]))
    expected = ImageCms.profileToProfile(
        PIL.Image.fromarray(gradient(96, 128)), source, ImageCms.createProfile("sRGB")
    )
    pixels = bgr()

    converted = convert_to_srgb(pixels, WIDE[name])

    assert converted is pixels
    np.testing.assert_array_equal(converted[..., ::-1], np.asarray(expected))


def test_a_grey_profile_changes_grey_pixels_and_no_others() -> None:
    grey = np.repeat(bgr()[..., :1], 3, axis=2)
    by_formula = (grey[0, :, 0] / 255) ** 1.8
    expected = np.where(
        by_formula <= 0.0031308, by_formula * 12.92, 1.055 * by_formula ** (1 / 2.4) - 0.055
    )

    converted = convert_to_srgb(grey, grey_profile(gamma_curve(1.8)))

    assert np.abs(converted[0, :, 0] - expected * 255).max() <= 2
    np.testing.assert_array_equal(convert_to_srgb(bgr(), grey_profile(gamma_curve(1.8))), bgr())


def test_cmyk_is_converted_by_its_profile() -> None:
    image = PIL.Image.fromarray(gradient(96, 128)).convert("CMYK")
    expected = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(cmyk_profile())),
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
    )

    converted = convert_cmyk_to_srgb(image, cmyk_profile())

    assert converted is not None
    np.testing.assert_array_equal(converted[..., ::-1], np.asarray(expected))
    assert convert_cmyk_to_srgb(image, rgb_profile(SRGB)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"broken" * 50,
        WIDE["Display P3"][:200],
        WIDE["Display P3"][:128] + b"\xff" * 400,
        profile(b"RGB ", {}),
        profile(b"Lab ", {}),
        cmyk_profile(),
        WIDE["Display P3"] + bytes(4 << 20),
        rgb_profile([(0.3, 0.3), (0.3, 0.6), (0.1, 0.1)], gamma_curve(0), white=D50)[:-8],
    ],
)
def test_a_profile_that_is_broken_or_of_other_pixels_is_ignored(data: bytes) -> None:
    np.testing.assert_array_equal(convert_to_srgb(bgr(), data), bgr())


def test_every_byte_of_a_profile_may_be_damaged() -> None:
    good = WIDE["Display P3"]
    for position in range(0, len(good), 3):
        for value in (0, 255):
            data = good[:position] + bytes([value]) + good[position + 1 :]
            assert convert_to_srgb(bgr()[:2, :2].copy(), data).shape == (2, 2, 3)


def test_srgb_curve_of_the_tests_is_srgb() -> None:
    """Keeps the other tests honest: their profiles of sRGB curves are what they say."""
    _, *values = struct.unpack_from(">H2x5i", SRGB_CURVE, 8)
    gamma, a, b, c, d = (value / 65536 for value in values)

    assert ((a * 0.5 + b) ** gamma, c * 0.02, d) == pytest.approx(
        (0.21404, 0.02 / 12.92, 0.04045), abs=1e-4
    )
