from typing import Any

import numpy as np
import pytest

from modules.errors import ImageError
from modules.object_detection.images import encode_image
from modules.object_detection.images.registry import find_format
from tests.hostile.builders import gradient, save


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
