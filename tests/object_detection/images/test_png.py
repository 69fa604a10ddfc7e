import io

import numpy as np
import PIL.Image
import pytest

from modules.errors import ImageError
from modules.object_detection.images import decode_image
from modules.object_detection.images.png import FORMAT
from tests.hostile.builders import exif, gradient, png, png_chunk, png_rows, save

MAX_PIXELS = 1_000_000
ROWS = png_rows(np.full((24, 40), 77, np.uint8))


@pytest.mark.parametrize("mode", ["P", "1"])
def test_palettes_and_single_bits_are_decoded(mode: str) -> None:
    image = PIL.Image.fromarray(gradient()).convert(mode)

    decoded = decode_image(save(image, "PNG"), max_pixels=MAX_PIXELS).pixels[..., ::-1]

    assert (decoded == np.asarray(image.convert("RGB"))).all()


def test_only_the_picture_and_its_orientation_are_kept() -> None:
    orientation = png_chunk(b"eXIf", exif((0x112, "H", [6])))
    notes = png_chunk(b"tEXt", b"a\0b") + png_chunk(b"iCCP", b"c") + png_chunk(b"acTL", bytes(8))

    kept = FORMAT.make_safe(png(40, 24, ROWS, before=notes + orientation), MAX_PIXELS)

    assert kept == png(40, 24, ROWS, before=orientation)
    with PIL.Image.open(io.BytesIO(kept)) as image:
        assert (np.asarray(image) == 77).all()


@pytest.mark.parametrize("missing", range(1, 40))
def test_a_png_that_is_cut_off_is_refused(missing: int) -> None:
    with pytest.raises(ImageError, match="a PNG that is cut off"):
        FORMAT.make_safe(png(40, 24, ROWS)[:-missing], MAX_PIXELS)


def test_a_chunk_length_beyond_the_end_of_the_file_is_refused() -> None:
    """OpenCV 5.0.0 allocates the whole length: 4 GB for a file of 100 bytes."""
    data = png(40, 24, ROWS)
    position = data.index(b"IDAT") - 4
    too_long = data[:position] + b"\xff\xff\0\0" + data[position + 4 :]

    with pytest.raises(ImageError, match="a chunk of 4,294,901,760 bytes ends"):
        FORMAT.make_safe(too_long, MAX_PIXELS)
