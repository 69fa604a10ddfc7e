"""The outcome of every kind of odd file in `decode_image`."""

import contextlib

import numpy as np
import pytest

from modules.errors import ImageError
from modules.object_detection.images import decode_image
from tests.hostile.corpus import KINDS
from tests.hostile.kinds import MAX_PIXELS, Kind

REFUSED = [kind for kind in KINDS if kind.refusal is not None]
DECODED = [kind for kind in KINDS if kind.refusal is None]


@pytest.mark.parametrize("kind", REFUSED, ids=lambda kind: kind.name)
def test_it_is_refused_with_a_message_that_names_its_kind(kind: Kind) -> None:
    assert kind.refusal

    with pytest.raises(ImageError) as error:
        decode_image(kind.data, max_pixels=MAX_PIXELS)

    assert kind.refusal in str(error.value)


def test_a_refusal_lists_the_supported_formats() -> None:
    (kind,) = [kind for kind in KINDS if kind.name == "PDF"]

    with pytest.raises(ImageError) as error:
        decode_image(kind.data, max_pixels=MAX_PIXELS)

    assert str(error.value) == (
        "a PDF, not a supported image; images must be one of JPEG, PNG, WEBP, TIFF, BMP, HEIF, "
        "AVIF, JPEG2000, GIF, NETPBM"
    )


@pytest.mark.parametrize("kind", DECODED, ids=lambda kind: kind.name)
def test_it_is_decoded_at_its_upright_size(kind: Kind) -> None:
    image = decode_image(kind.data, max_pixels=MAX_PIXELS)

    assert (image.width, image.height) == kind.size
    assert image.pixels.dtype == np.uint8
    if kind.picture is not None:
        difference = abs(image.pixels[..., ::-1].astype(np.int16) - kind.picture)
        assert difference.mean() <= 4


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_decoder_writes_at_most_two_lines_to_stderr(
    kind: Kind, capfd: pytest.CaptureFixture[str]
) -> None:
    with contextlib.suppress(ImageError):
        decode_image(kind.data, max_pixels=MAX_PIXELS)

    assert capfd.readouterr().err.count("\n") <= 2
