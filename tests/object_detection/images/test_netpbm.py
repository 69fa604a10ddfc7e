from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from modules.errors import ImageError
from modules.object_detection.images import decode_image
from modules.object_detection.images.registry import find_format
from tests.hostile.builders import gradient

RGB = gradient(3, 5)
GREY = RGB[..., 0]


def decode(data: bytes) -> NDArray[np.uint8]:
    """Decodes to RGB."""
    image = decode_image(data, max_pixels=1_000_000)
    assert image.format == "netpbm"
    return image.pixels[..., ::-1]


def text(samples: NDArray[np.uint8]) -> bytes:
    return b" ".join(b"%d" % sample for sample in samples.ravel())


def as_grey(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(samples[..., np.newaxis], 3, axis=2)


BITS = np.array([[1, 0, 1, 1, 0], [0, 0, 1, 0, 1], [1, 1, 1, 0, 0]], np.uint8)  # 1 is black
WITH_ALPHA = np.dstack([RGB, np.full_like(GREY, 9)])
KINDS: list[tuple[bytes, NDArray[np.uint8]]] = [
    (b"P1 5 3\n1 0 1 1 0\n00101\n1 1 1 0 0", as_grey(255 - 255 * BITS)),
    (b"P2\n5 3 255\n" + text(GREY), as_grey(GREY)),
    (b"P3\r\n5 3\r\n255\r\n" + text(RGB), RGB),
    (b"P4 5 3\n" + np.packbits(BITS, axis=1).tobytes(), as_grey(255 - 255 * BITS)),
    (b"P5 5 3 255\n" + GREY.tobytes(), as_grey(GREY)),
    (b"P5 5 3 65535\n" + (GREY.astype(np.uint16) * 257).astype(">u2").tobytes(), as_grey(GREY)),
    (b"P5 5 3 15\n" + (GREY // 17).tobytes(), as_grey(GREY // 17 * 17)),
    (b"P6\n# made by a camera\n5 # width\n3\n255\n" + RGB.tobytes(), RGB),
    (b"P6 5 3 1023\n" + (RGB.astype(np.uint16) * 4).astype(">u2").tobytes(), RGB),
    (b"P7\nWIDTH 5\nHEIGHT 3\nDEPTH 3\nMAXVAL 255\nENDHDR\n" + RGB.tobytes(), RGB),
    (
        b"P7\n# a comment\nHEIGHT 3\nWIDTH 5\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
        + WITH_ALPHA.tobytes(),
        RGB,
    ),
    (b"P7\nWIDTH 5\nHEIGHT 3\nDEPTH 1\nMAXVAL 1\nENDHDR\n" + BITS.tobytes(), as_grey(255 * BITS)),
    (
        b"P7\nWIDTH 5\nHEIGHT 3\nDEPTH 2\nMAXVAL 255\nENDHDR\n"
        + np.dstack([GREY, 255 - GREY]).tobytes(),
        as_grey(GREY),
    ),
]


@pytest.mark.parametrize(("data", "expected"), KINDS, ids=lambda value: repr(value)[:20])
def test_every_kind_is_decoded(data: bytes, expected: NDArray[np.uint8]) -> None:
    assert find_format(data).size(data) == (5, 3)
    assert abs(decode(data).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("data", "expected"), KINDS[:9], ids=lambda value: repr(value)[:20])
def test_pillow_decodes_the_same(data: bytes, expected: NDArray[np.uint8]) -> None:
    in_pillow = PIL.Image.open(io.BytesIO(data))
    if in_pillow.mode.startswith("I"):
        grey = np.asarray(in_pillow) >> 8
        assert abs(grey - expected[..., 0]).max() <= 1
    else:
        assert abs(np.asarray(in_pillow.convert("RGB")).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"P6 5 3 255\n" + bytes(44), "a NETPBM that is cut off: its pixels need 45 bytes, but 44"),
        (b"P4 9 3\n" + bytes(5), "its pixels need 6 bytes, but 5"),
        (b"P3 2 1 255\n1 2 3 4 x 66", "a NETPBM of 2 x 1 pixels that .* does not hold 6 numbers"),
        (b"P1 2 1\n0 2", "does not hold 2 digits, 0 or 1"),
        (b"P5 5 3 70000\n", "of the maximum 70000; it must be 1 to 65535"),
        (b"P5 5 0 255\n", "each side must have at least 1"),
        (b"P6 5\n", "cut off in its header"),
        (b"P7\nWIDTH 5\n", "cut off in its header: it has no ENDHDR"),
        (b"P7\nWIDTH 5\nENDHDR\n", "without one of WIDTH, HEIGHT, DEPTH and MAXVAL"),
        (b"P7\nWIDTH 5\nHEIGHT 3\nDEPTH 5\nMAXVAL 255\nENDHDR\n", "of 5 channels"),
        (b"P6 99999 99999 255\n", "99999 x 99999 pixels are too many"),
    ],
)
def test_a_broken_file_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        decode(data)


@pytest.mark.parametrize("data", [b"P6 is a kind of picture", b"P7 7", b"P8 1 1 1", b"P0 3 3"])
def test_a_text_that_starts_like_one_is_none(data: bytes) -> None:
    with pytest.raises(ImageError, match="not a supported image"):
        decode(data)
