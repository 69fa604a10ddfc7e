import struct

import numpy as np

from modules.object_detection.images import decode_image
from modules.object_detection.images.registry import find_format
from tests.hostile.builders import bmp, gradient


def test_the_size_in_an_os2_core_header_has_sixteen_bits_per_side() -> None:
    header = struct.pack("<IHHHH", 12, 40_000, 24, 1, 24)

    data = b"BM" + bytes(12) + header

    assert find_format(data).size(data) == (40_000, 24)


def test_a_negative_height_means_rows_from_the_top() -> None:
    rgb = gradient(24, 40)
    data = bmp(40, -24, rgb[..., ::-1].tobytes())

    image = decode_image(data, max_pixels=40 * 24)

    np.testing.assert_array_equal(image.pixels[..., ::-1], rgb)
