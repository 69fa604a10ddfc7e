import tracemalloc
import zlib
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from modules.errors import ImageError
from modules.object_detection.images import decode_image
from modules.object_detection.images.colour_profile import convert_to_srgb
from modules.object_detection.images.png import FORMAT
from tests.hostile.builders import (
    MEGABYTE,
    deflated_zeros,
    exif,
    gradient,
    png,
    png_chunk,
    png_rows,
    save,
)
from tests.object_detection.images.profiles import WIDE

MAX_PIXELS = 1_000_000
ROWS = png_rows(np.full((24, 40), 77, np.uint8))


@pytest.mark.parametrize("mode", ["P", "1"])
def test_palettes_and_single_bits_are_decoded(mode: str) -> None:
    image = PIL.Image.fromarray(gradient()).convert(mode)

    decoded = decode_image(save(image, "PNG"), max_pixels=MAX_PIXELS).pixels[..., ::-1]

    assert (decoded == np.asarray(image.convert("RGB"))).all()


def test_the_decoder_gets_only_the_chunks_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    orientation = png_chunk(b"eXIf", exif((0x112, "H", [6])))
    notes = png_chunk(b"tEXt", b"a\0b") + png_chunk(b"iCCP", b"c") + png_chunk(b"acTL", bytes(8))
    seen = []
    decode = cv2.imdecode

    def record(data: NDArray[np.uint8], flags: int) -> Any:
        seen.append(data)
        return decode(data, flags)

    monkeypatch.setattr("cv2.imdecode", record)

    image = decode_image(png(40, 24, ROWS, before=notes + orientation), max_pixels=MAX_PIXELS)

    assert [data.tobytes() for data in seen] == [png(40, 24, ROWS)]
    assert (image.width, image.height) == (24, 40)


def raw_profile(name: str, content: bytes) -> bytes:
    """Writes data as ImageMagick does: their kind, their length, and hexadecimal digits."""
    digits = content.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return f"\n{name}\n{len(content):8}\n{lines}\n".encode()


TURNED = exif((0x112, "H", [6]))
XMP = b"<x:xmpmeta><rdf:Description tiff:Orientation='6'/></x:xmpmeta>"
XMP_KEYWORD = b"XML:com.adobe.xmp\0"
PLACES = {
    "eXIf": png_chunk(b"eXIf", TURNED),
    "eXIf with a prefix": png_chunk(b"eXIf", b"Exif\0\0" + TURNED),
    "raw exif": png_chunk(
        b"tEXt", b"Raw profile type exif\0" + raw_profile("exif", b"Exif\0\0" + TURNED)
    ),
    "packed raw exif": png_chunk(
        b"zTXt",
        b"Raw profile type exif\0\0" + zlib.compress(raw_profile("exif", b"Exif\0\0" + TURNED)),
    ),
    "raw APP1": png_chunk(
        b"zTXt",
        b"Raw profile type APP1\0\0" + zlib.compress(raw_profile("APP1", b"Exif\0\0" + TURNED)),
    ),
    "raw XMP": png_chunk(b"tEXt", b"Raw profile type xmp\0" + raw_profile("xmp", XMP)),
    "XMP": png_chunk(b"iTXt", XMP_KEYWORD + b"\0\0\0\0" + XMP),
    "packed XMP": png_chunk(b"iTXt", XMP_KEYWORD + b"\1\0en\0x\0" + zlib.compress(XMP)),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
def test_the_orientation_is_found_in_every_place_where_programs_write_it(
    place: str, is_before: bool
) -> None:
    plain = png(40, 24, ROWS)
    at = 33 if is_before else len(plain) - 12

    image = decode_image(plain[:at] + PLACES[place] + plain[at:], max_pixels=MAX_PIXELS)

    assert (image.width, image.height) == (24, 40)


def test_exif_counts_where_xmp_says_something_else() -> None:
    upright = png_chunk(b"eXIf", exif((0x112, "H", [1])))

    image = decode_image(png(40, 24, ROWS, before=PLACES["XMP"] + upright), max_pixels=MAX_PIXELS)

    assert (image.width, image.height) == (40, 24)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"exif",
        b"\nexif\n 4\nzz",
        b"\nexif\n 4\n4d4",
        "\nexif\n 4\n\u0664\u0664".encode(),
    ],
)
def test_a_broken_raw_profile_is_ignored(text: bytes) -> None:
    chunk = png_chunk(b"tEXt", b"Raw profile type exif\0" + text)

    image = decode_image(png(40, 24, ROWS, before=chunk), max_pixels=MAX_PIXELS)

    assert (image.width, image.height) == (40, 24)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_no_more_than_the_limit_is_unpacked(kind: bytes) -> None:
    packed = deflated_zeros(100 * MEGABYTE)
    start = {
        b"zTXt": b"Raw profile type exif\0\0",
        b"iTXt": XMP_KEYWORD + b"\1\0\0\0",
        b"iCCP": b"name\0\0",
    }[kind]
    tracemalloc.start()

    decode_image(png(40, 24, ROWS, before=png_chunk(kind, start + packed)), max_pixels=MAX_PIXELS)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * MEGABYTE


def test_colours_of_a_profile_become_srgb() -> None:
    profile = WIDE["Display P3"]
    expected = convert_to_srgb(np.ascontiguousarray(gradient()[..., ::-1]), profile)

    image = decode_image(save(gradient(), "PNG", icc_profile=profile), max_pixels=MAX_PIXELS)

    np.testing.assert_array_equal(image.pixels, expected)
    assert (image.pixels != gradient()[..., ::-1]).any()


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


def test_colours_that_are_stated_as_numbers_count_before_a_profile() -> None:
    display_p3 = png_chunk(b"cICP", bytes([12, 13, 0, 1]))
    data = save(gradient(), "PNG", icc_profile=WIDE["ProPhoto"])
    expected = convert_to_srgb(np.ascontiguousarray(gradient()[..., ::-1]), WIDE["Display P3"])

    image = decode_image(data[:33] + display_p3 + data[33:], max_pixels=MAX_PIXELS)

    assert abs(image.pixels.astype(np.int16) - expected).max() <= 1
