"""What becomes of every kind of odd file, in the core."""

import contextlib

import numpy as np
import pytest

from modules.errors import ImageError
from modules.object_detection.images import decode_image
from tests.hostile.corpus import KINDS
from tests.hostile.kinds import MAX_PIXELS, Kind

REFUSED = [kind for kind in KINDS if kind.refusal is not None]
SHOWN = [kind for kind in KINDS if kind.refusal is None]


@pytest.mark.parametrize("kind", REFUSED, ids=lambda kind: kind.name)
def test_it_is_refused_and_the_message_says_what_it_is(kind: Kind) -> None:
    assert kind.refusal

    with pytest.raises(ImageError) as error:
        decode_image(kind.data, max_pixels=MAX_PIXELS)

    assert kind.refusal in str(error.value)


def test_a_refusal_says_what_would_be_right() -> None:
    (kind,) = [kind for kind in KINDS if kind.name == "GIF"]

    with pytest.raises(ImageError) as error:
        decode_image(kind.data, max_pixels=MAX_PIXELS)

    assert str(error.value) == (
        "a GIF, not a supported image; images must be one of JPEG, PNG, WEBP, TIFF, BMP"
    )


@pytest.mark.parametrize("kind", SHOWN, ids=lambda kind: kind.name)
def test_it_has_a_result_of_the_upright_size(kind: Kind) -> None:
    image = decode_image(kind.data, max_pixels=MAX_PIXELS)

    assert (image.width, image.height) == kind.size
    assert image.pixels.dtype == np.uint8
    if kind.picture is not None:
        difference = abs(image.pixels[..., ::-1].astype(np.int16) - kind.picture)
        assert difference.mean() <= 4


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_decoders_never_flood_the_log(kind: Kind, capfd: pytest.CaptureFixture[str]) -> None:
    with contextlib.suppress(ImageError):
        decode_image(kind.data, max_pixels=MAX_PIXELS)

    assert capfd.readouterr().err.count("\n") <= 2
