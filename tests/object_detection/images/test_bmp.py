import struct
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from modules.errors import ImageError
from modules.object_detection.images import decode_image
from modules.object_detection.images.colour_profile import convert_to_srgb
from modules.object_detection.images.registry import find_format
from tests.hostile.builders import bmp, gradient
from tests.object_detection.images.profiles import WIDE

WIDTH, HEIGHT = 37, 24  # rows of an odd number of pixels are padded
RGB = gradient(HEIGHT, WIDTH)
BIT_FIELDS, ALPHA_BIT_FIELDS = 3, 6
# Red, green, blue, and alpha if there are four
MASKS: dict[str, tuple[int, Sequence[int]]] = {
    "565": (16, (0xF800, 0x7E0, 0x1F)),
    "565 from blue": (16, (0x1F, 0x7E0, 0xF800)),
    "555": (16, (0x7C00, 0x3E0, 0x1F)),
    "1555": (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
    "4444": (16, (0xF00, 0xF0, 0xF, 0xF000)),
    "444": (16, (0xF00, 0xF0, 0xF)),
    "655": (16, (0xFC00, 0x3E0, 0x1F)),
    "BGRX": (32, (0xFF0000, 0xFF00, 0xFF)),
    "BGRA": (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    "RGBA": (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
    "XBGR": (32, (0xFF000000, 0xFF0000, 0xFF00)),
    "10 bits": (32, (0x3FF00000, 0xFFC00, 0x3FF)),
    "20 bits of red": (32, (0xFFFFF000, 0xFC0, 0x3F)),
}


def pack(masks: Sequence[int]) -> NDArray[np.uint32]:
    """Packs the picture, with an alpha of 77 of 255, into numbers by their masks."""
    numbers = np.zeros((HEIGHT, WIDTH), np.uint64)
    for mask, levels in zip(
        masks, (*np.moveaxis(RGB, 2, 0), np.full((HEIGHT, WIDTH), 77)), strict=False
    ):
        lowest = mask & -mask
        numbers += np.round(levels / 255 * (mask // lowest)).astype(np.uint64) * np.uint64(lowest)
    return numbers.astype(np.uint32)


def masked_bmp(
    bits: int,
    masks: Sequence[int],
    *,
    header_size: int = 40,
    compression: int = BIT_FIELDS,
    from_top: bool = False,
    profile: bytes = b"",
) -> bytes:
    """Builds a BMP of 16 or 32 bits with any header; masks are inside it, or behind 40 bytes."""
    numbers = pack(masks).astype("<u2" if bits == 16 else "<u4")
    rows = [row.tobytes() + bytes(-len(row.tobytes()) % 4) for row in numbers]
    pixels = b"".join(rows if from_top else rows[::-1])
    height = -HEIGHT if from_top else HEIGHT
    header = struct.pack(
        "<IiiHHIIiiII", header_size, WIDTH, height, 1, bits, compression, 0, 0, 0, 0, 0
    )
    fields = struct.pack(f"<{len(masks)}I", *masks) if compression else b""
    header += fields if header_size == 40 else fields[:16].ljust(header_size - 40, b"\0")
    if profile:
        at = len(header) + len(pixels)
        header = header[:56] + b"DEBM" + header[60:112] + struct.pack("<III", at, len(profile), 0)
    start = b"BM" + struct.pack("<IHHI", 14 + len(header) + len(pixels), 0, 0, 14 + len(header))
    return start + header + pixels + profile


def decode(data: bytes) -> NDArray[np.int16]:
    return decode_image(data, max_pixels=WIDTH * HEIGHT).pixels[..., ::-1].astype(np.int16)


@pytest.mark.parametrize("header_size", [40, 52, 56, 108, 124])
@pytest.mark.parametrize("name", MASKS)
def test_every_mask_in_every_header(name: str, header_size: int) -> None:
    bits, masks = MASKS[name]
    if header_size == 52 and len(masks) > 3:
        masks = masks[:3]  # it has no place for alpha
    compression = ALPHA_BIT_FIELDS if header_size == 40 and len(masks) > 3 else BIT_FIELDS
    steps = [255 / min(255, mask // (mask & -mask)) for mask in masks[:3]]

    for from_top in (False, True):
        decoded = decode(
            masked_bmp(
                bits, masks, header_size=header_size, compression=compression, from_top=from_top
            )
        )

        assert (np.abs(decoded - RGB) <= np.array(steps) / 2 + 1).all()


@pytest.mark.parametrize("name", ["555", "BGRX"])
def test_pixels_without_masks_have_those_of_windows(name: str) -> None:
    bits, masks = MASKS[name]

    decoded = decode(masked_bmp(bits, masks, compression=0))

    assert np.abs(decoded - RGB).max() <= (5 if bits == 16 else 0)


def test_masks_of_zeros_are_those_of_windows() -> None:
    data = masked_bmp(32, MASKS["BGRX"][1])

    decoded = decode(data[:54] + bytes(12) + data[66:])

    np.testing.assert_array_equal(decoded, RGB)


def palette_bmp(bits: int, *, header_size: int = 40, colours: int = 0) -> bytes:
    """Builds a BMP of grey shades; numbers count up along each row."""
    count = colours or 2**bits
    entry = 3 if header_size == 12 else 4
    palette = b"".join(bytes([shade, shade, shade, 0])[:entry] for shade in range(count))
    numbers = np.arange(WIDTH) % 2**bits
    places = np.arange(bits - 1, -1, -1)
    row = np.packbits((numbers[:, np.newaxis] >> places & 1).astype(np.uint8).ravel()).tobytes()
    pixels = (row + bytes(-len(row) % 4)) * HEIGHT
    if header_size == 12:
        header = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, bits)
    else:
        header = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, bits, 0, 0, 0, 0, colours, 0)
        header = struct.pack("<I", header_size) + header[4:].ljust(header_size - 4, b"\0")
        header = header[:header_size]
    at = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", at + len(pixels), 0, 0, at) + header + palette + pixels


@pytest.mark.parametrize("header_size", [12, 16, 40, 64, 108, 124])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_every_depth_in_every_header(bits: int, header_size: int) -> None:
    decoded = decode(palette_bmp(bits, header_size=header_size))

    expected = np.broadcast_to((np.arange(WIDTH) % 2**bits)[:, np.newaxis], RGB.shape)
    np.testing.assert_array_equal(decoded, expected)


def test_colours_of_24_bits_behind_the_short_header_of_os2() -> None:
    row = RGB[..., ::-1].reshape(HEIGHT, -1)
    rows = np.pad(row, ((0, 0), (0, -row.shape[1] % 4)))[::-1].tobytes()
    header = struct.pack("<IIIHH", 16, WIDTH, HEIGHT, 1, 24)

    data = b"BM" + struct.pack("<IHHI", 0, 0, 0, 30) + header + rows

    np.testing.assert_array_equal(decode(data), RGB)


@pytest.mark.parametrize("bits", [2, 8])
def test_numbers_beyond_the_palette_are_black(bits: int) -> None:
    numbers = np.arange(WIDTH) % 2**bits

    decoded = decode(palette_bmp(bits, colours=3))

    np.testing.assert_array_equal(decoded[0, :, 0], np.where(numbers < 3, numbers, 0))


@pytest.mark.parametrize("name", ["565", "BGRX", "RGBA"])
def test_colours_of_an_embedded_profile_become_srgb(name: str) -> None:
    bits, masks = MASKS[name]
    plain = decode_image(masked_bmp(bits, masks, header_size=124), max_pixels=1000).pixels
    expected = convert_to_srgb(plain.copy(), WIDE["Display P3"])

    data = masked_bmp(bits, masks, header_size=124, profile=WIDE["Display P3"])

    np.testing.assert_array_equal(decode(data), expected[..., ::-1])
    assert (expected != plain).any()


def test_the_size_in_an_os2_core_header_has_sixteen_bits_per_side() -> None:
    header = struct.pack("<IHHHH", 12, 40_000, 24, 1, 24)

    data = b"BM" + bytes(12) + header

    assert find_format(data).size(data) == (40_000, 24)


def test_a_negative_height_means_rows_from_the_top() -> None:
    rgb = gradient(24, 40)
    data = bmp(40, -24, rgb[..., ::-1].tobytes())

    image = decode_image(data, max_pixels=40 * 24)

    np.testing.assert_array_equal(image.pixels[..., ::-1], rgb)


def header_of(size: int = 40, bits: int = 24, compression: int = 0) -> bytes:
    fields = struct.pack("<IiiHHI", size, 4, 4, 1, bits, compression)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54) + fields.ljust(size, b"\0")


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (header_of(compression=4), "a BMP with a JPEG inside"),
        (header_of(compression=5), "a BMP with a PNG inside"),
        (header_of(compression=11), "a BMP with CMYK"),
        (header_of(compression=99), "a BMP with compression 99, which is not known"),
        (header_of(bits=3), "a BMP with 3 bits per pixel; with compression 0 it must have 1, 2,"),
        (
            header_of(size=52, bits=24, compression=3),
            "a BMP with 24 bits per pixel; with compression 3",
        ),
        (header_of(size=20), "a BMP with a header of 20 bytes, which is not known"),
        (header_of(size=64, compression=3), "a BMP of OS/2 with Huffman compression"),
        (header_of(size=64, compression=4), "a BMP of OS/2 with 24-bit run-length compression"),
        (masked_bmp(16, (0xF100, 0x7E0, 0x1F)), "a BMP with the colour mask 0xf100, whose bits"),
        (masked_bmp(16, (0x1F800, 0x7E0, 0x1F)), "colour mask 0x1f800 of 16 bits per pixel"),
        (masked_bmp(16, MASKS["565"][1])[:-3], "it is cut off: 3 bytes of its pixels are missing"),
        (bmp(4, 4, bytes(40)), "it is cut off: 8 bytes of its pixels are missing"),
        (bmp(4, 4, b"\xff\x77" * 9, bits=8, compression=1), "its run lengths are corrupt"),
    ],
)
def test_a_refusal_names_the_reason(data: bytes, refusal: str) -> None:
    with pytest.raises(ImageError, match=refusal):
        decode(data)
