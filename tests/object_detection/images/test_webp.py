from typing import Any

import numpy as np
import pytest

from modules.errors import ImageError
from modules.object_detection.images import decode_image, encode_image
from modules.object_detection.images.colour_profile import convert_to_srgb
from modules.object_detection.images.registry import find_format
from tests.hostile.builders import exif, gradient, save, webp
from tests.object_detection.images.profiles import WIDE


@pytest.mark.parametrize(
    "options",
    [
        {"lossless": False},
        {"lossless": True},
        {"lossless": False, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"},
    ],
    ids=["VP8", "VP8L", "VP8X"],
)
def test_the_size_is_read_from_every_kind_of_first_chunk(options: dict[str, Any]) -> None:
    data = save(gradient(30, 50), "WEBP", exact=True, **options)

    assert find_format(data).size(data) == (50, 30)


def test_an_image_too_large_for_the_format_is_refused() -> None:
    with pytest.raises(ImageError, match="20000 x 1 pixels cannot be encoded as WEBP: "):
        encode_image(np.zeros((1, 20_000, 3), np.uint8), "webp")


TURNED = exif((0x112, "H", [6]))
XMP = b'<rdf:Description tiff:Orientation="6"/>'


def extended(*chunks: tuple[bytes, bytes]) -> bytes:
    """Builds a WebP of 40 x 24 pixels with chunks before or after its picture."""
    plain = save(gradient(), "WEBP", lossless=True)[12:]
    length = int.from_bytes(plain[4:8], "little")
    canvas = bytes([0x2C, 0, 0, 0]) + b"\x27\0\0\x17\0\0"
    before = [chunk for chunk in chunks if chunk[0] == b"ICCP"]
    after = [chunk for chunk in chunks if chunk[0] != b"ICCP"]
    return webp((b"VP8X", canvas), *before, (plain[:4], plain[8 : 8 + length]), *after)


@pytest.mark.parametrize(
    "chunk",
    [(b"EXIF", TURNED), (b"EXIF", b"Exif\0\0" + TURNED), (b"XMP ", XMP)],
    ids=["EXIF", "EXIF with a prefix", "XMP"],
)
def test_the_orientation_is_read_from_exif_and_xmp(chunk: tuple[bytes, bytes]) -> None:
    odd = (b"ABCD", b"123")  # an odd length is padded

    image = decode_image(extended(odd, chunk), max_pixels=1000)

    np.testing.assert_array_equal(image.pixels[..., ::-1], np.rot90(gradient(), -1))


def test_exif_counts_where_xmp_says_something_else() -> None:
    upright = (b"EXIF", exif((0x112, "H", [1])))

    assert decode_image(extended((b"XMP ", XMP), upright), max_pixels=1000).width == 40


def test_colours_of_a_profile_become_srgb() -> None:
    profile = WIDE["Display P3"]
    expected = convert_to_srgb(np.ascontiguousarray(gradient()[..., ::-1]), profile)

    image = decode_image(extended((b"ICCP", profile)), max_pixels=1000)

    np.testing.assert_array_equal(image.pixels, expected)
