import PIL.Image
import pytest

from modules.errors import ImageError
from modules.object_detection.images.jpeg import FORMAT
from modules.object_detection.images.registry import find_format
from tests.hostile.builders import gradient, grey_jpeg, jpeg_segment, save

MAX_PIXELS = 1_000_000


def test_the_size_of_a_progressive_jpeg_with_a_thumbnail_in_its_exif() -> None:
    image = PIL.Image.fromarray(gradient(30, 50))
    exif = image.getexif()
    thumbnail = save(gradient(3, 4), "JPEG", quality=100, subsampling=0)
    exif[0x010E] = thumbnail.decode("latin-1")[:60]

    data = save(image, "JPEG", quality=100, subsampling=0, progressive=True, exif=exif)

    assert find_format(data).size(data) == (50, 30)


def jpeg_with_scans(count: int) -> bytes:
    plain = grey_jpeg(40, 24)
    scan = jpeg_segment(0xDA, b"\1\1\0\0\x3f\0")
    return plain[:-2] + scan * (count - 1) + plain[-2:]


def test_at_most_a_hundred_scans_are_allowed() -> None:
    FORMAT.make_safe(jpeg_with_scans(100), MAX_PIXELS)

    with pytest.raises(ImageError, match="a JPEG with 101 scans"):
        FORMAT.make_safe(jpeg_with_scans(101), MAX_PIXELS)


def test_scans_inside_a_segment_or_after_the_end_do_not_count() -> None:
    plain = grey_jpeg(40, 24)
    inside = jpeg_segment(0xE1, b"\xff\xda" * 500)

    data = plain[:2] + inside + plain[2:] + b"\xff\xda" * 500

    assert FORMAT.make_safe(data, MAX_PIXELS) == data
