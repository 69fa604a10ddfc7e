import io

import numpy as np
import PIL.Image
import pytest

from modules.errors import ImageError
from modules.object_detection.images.bombs import defuse
from tests.hostile.builders import (
    exif,
    gradient,
    grey_jpeg,
    jpeg_segment,
    png,
    png_chunk,
    png_rows,
    save,
    tiff,
)

MAX_PIXELS = 1_000_000
ROWS = png_rows(np.full((24, 40), 77, np.uint8))


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_plain_image_stays_as_it_is(name: str) -> None:
    data = save(gradient(), name)

    assert defuse(data, name.lower(), max_pixels=MAX_PIXELS) == data


def test_a_png_keeps_its_picture_and_its_orientation_alone() -> None:
    orientation = png_chunk(b"eXIf", exif((0x112, "H", [6])))
    notes = png_chunk(b"tEXt", b"a\0b") + png_chunk(b"iCCP", b"c") + png_chunk(b"acTL", bytes(8))

    kept = defuse(png(40, 24, ROWS, before=notes + orientation), "png", max_pixels=MAX_PIXELS)

    assert kept == png(40, 24, ROWS, before=orientation)
    with PIL.Image.open(io.BytesIO(kept)) as image:
        assert (np.asarray(image) == 77).all()


@pytest.mark.parametrize("missing", range(1, 40))
def test_a_png_that_is_cut_off_is_refused(missing: int) -> None:
    with pytest.raises(ImageError, match="a PNG that is cut off"):
        defuse(png(40, 24, ROWS)[:-missing], "png", max_pixels=MAX_PIXELS)


def test_a_png_whose_chunk_claims_more_than_there_is_is_refused() -> None:
    """OpenCV 5.0.0 makes room for all of it: 4 GB for a file of 100 bytes."""
    data = png(40, 24, ROWS)
    place = data.index(b"IDAT") - 4
    claims = data[:place] + b"\xff\xff\0\0" + data[place + 4 :]

    with pytest.raises(ImageError, match="a chunk of 4,294,901,760 bytes ends"):
        defuse(claims, "png", max_pixels=MAX_PIXELS)


def jpeg_of_scans(count: int) -> bytes:
    plain = grey_jpeg(40, 24)
    scan = jpeg_segment(0xDA, b"\1\1\0\0\x3f\0")
    return plain[:-2] + scan * (count - 1) + plain[-2:]


def test_a_hundred_scans_are_enough() -> None:
    defuse(jpeg_of_scans(100), "jpeg", max_pixels=MAX_PIXELS)

    with pytest.raises(ImageError, match="a JPEG of 101 scans"):
        defuse(jpeg_of_scans(101), "jpeg", max_pixels=MAX_PIXELS)


def test_scans_of_thumbnails_and_of_what_follows_do_not_count() -> None:
    plain = grey_jpeg(40, 24)
    inside = jpeg_segment(0xE1, b"\xff\xda" * 500)

    data = plain[:2] + inside + plain[2:] + b"\xff\xda" * 500

    assert defuse(data, "jpeg", max_pixels=MAX_PIXELS) == data


def test_tiles_may_be_larger_than_their_image_but_not_without_limit() -> None:
    tile = [(322, "I", [1024]), (323, "I", [1024]), (324, "I", [8]), (325, "I", [9])]
    data = tiff(40, 24, bytes(9), extra=tile)

    assert defuse(data, "tiff", max_pixels=1024 * 1024) == data
    with pytest.raises(ImageError, match="in tiles of 1024 x 1024 pixels"):
        defuse(data, "tiff", max_pixels=1024 * 1024 - 1)
