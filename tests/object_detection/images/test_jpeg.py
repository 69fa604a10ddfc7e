import io

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from PIL import ImageCms

from modules.errors import ImageError
from modules.object_detection.images import decode_image
from modules.object_detection.images.colour_profile import convert_to_srgb
from modules.object_detection.images.jpeg import FORMAT
from modules.object_detection.images.registry import find_format
from tests.hostile.builders import exif, gradient, grey_jpeg, jpeg_segment, save
from tests.object_detection.images.profiles import WIDE, cmyk_profile

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


PLAIN = save(gradient(96, 128), "JPEG", quality=95)
TURNED = jpeg_segment(0xE1, b"Exif\0\0" + exif((0x112, "H", [6])))
XMP = jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<a tiff:Orientation='6'/>")


def decode(data: bytes) -> NDArray[np.uint8]:
    return decode_image(data, max_pixels=MAX_PIXELS).pixels


def profile_segments(profile: bytes, size: int) -> list[bytes]:
    parts = [profile[at : at + size] for at in range(0, len(profile), size)]
    return [
        jpeg_segment(0xE2, b"ICC_PROFILE\0" + bytes([number, len(parts)]) + part)
        for number, part in enumerate(parts, 1)
    ]


@pytest.mark.parametrize(
    "segments",
    [
        TURNED,
        XMP,
        XMP.replace(b"'6'", b"'3'") + TURNED,
        TURNED + XMP.replace(b"'6'", b"'1'"),
        TURNED + jpeg_segment(0xE1, b"Exif\0\0" + exif((0x112, "H", [3]))),
        jpeg_segment(0xE1, b"Exif\0\0" + exif((0x10F, "H", [3]))) + XMP,
    ],
    ids=["EXIF", "XMP", "XMP before EXIF", "EXIF before XMP", "two of EXIF", "EXIF without it"],
)
def test_the_orientation_is_that_of_the_first_exif_or_of_xmp(segments: bytes) -> None:
    turned = decode(PLAIN[:2] + segments + PLAIN[2:])

    np.testing.assert_array_equal(turned, np.rot90(decode(PLAIN), -1))


@pytest.mark.parametrize("size", [500, 100])
def test_colours_of_a_profile_in_one_or_several_segments_become_srgb(size: int) -> None:
    profile = WIDE["Display P3"]
    segments = b"".join(profile_segments(profile, size))

    converted = decode(PLAIN[:2] + segments + PLAIN[2:])

    np.testing.assert_array_equal(converted, convert_to_srgb(decode(PLAIN), profile))
    assert (converted != decode(PLAIN)).any()


def test_parts_of_a_profile_may_come_in_any_order_but_none_may_be_missing() -> None:
    parts = profile_segments(WIDE["Display P3"], 100)
    whole = decode(PLAIN[:2] + b"".join(parts) + PLAIN[2:])

    np.testing.assert_array_equal(decode(PLAIN[:2] + b"".join(parts[::-1]) + PLAIN[2:]), whole)
    np.testing.assert_array_equal(
        decode(PLAIN[:2] + b"".join(parts[1:]) + PLAIN[2:]), decode(PLAIN)
    )


def test_cmyk_is_converted_by_its_profile_and_turned() -> None:
    cmyk = PIL.Image.fromarray(gradient(96, 128)).convert("CMYK")
    data = save(cmyk, "JPEG", quality=95, icc_profile=cmyk_profile())
    expected = ImageCms.profileToProfile(
        PIL.Image.open(io.BytesIO(data)),
        ImageCms.ImageCmsProfile(io.BytesIO(cmyk_profile())),
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
    )

    converted = decode(data[:2] + TURNED + data[2:])

    np.testing.assert_array_equal(converted[..., ::-1], np.rot90(np.asarray(expected), -1))


def test_a_printers_profile_in_a_picture_of_three_colours_is_ignored() -> None:
    with_profile = save(gradient(96, 128), "JPEG", quality=95, icc_profile=cmyk_profile())

    np.testing.assert_array_equal(decode(with_profile), decode(PLAIN))


def test_metadata_after_the_scan_do_not_count() -> None:
    np.testing.assert_array_equal(decode(PLAIN[:-2] + TURNED + PLAIN[-2:]), decode(PLAIN))


def test_an_mpo_is_read_as_its_first_picture() -> None:
    second = PIL.Image.fromarray(255 - gradient(96, 128))
    data = save(gradient(96, 128), "MPO", save_all=True, append_images=[second], quality=95)

    assert decode_image(data, max_pixels=MAX_PIXELS).format == "jpeg"
    assert abs(decode(data)[..., ::-1].astype(np.int16) - gradient(96, 128)).mean() < 3
