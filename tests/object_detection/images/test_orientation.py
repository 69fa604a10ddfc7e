import io
import struct

import numpy as np
import PIL.Image
import pytest
from PIL import ImageOps

from modules.object_detection.images.orientation import (
    read_orientation,
    read_xmp_orientation,
    turn_upright,
)
from tests.hostile.builders import exif, gradient, save


def exif_block(order: str, code: str, kind: int, value: int) -> bytes:
    data = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, 2)
    data += struct.pack(f"{order}HHII", 0x10F, 2, 4, 0)
    data += struct.pack(f"{order}HHI", 0x112, kind, 1)
    return data + struct.pack(f"{order}{code}", value).ljust(4, b"\0") + bytes(4)


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0", b"Exif\0\0Exif\0\0"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_in_both_byte_orders_and_after_any_prefix(
    prefix: bytes, order: str, orientation: int
) -> None:
    assert read_orientation(prefix + exif_block(order, "H", 3, orientation)) == orientation


@pytest.mark.parametrize(("code", "kind"), [("B", 1), ("I", 4), ("i", 9)])
def test_other_integer_types_are_read_too(code: str, kind: int) -> None:
    assert read_orientation(exif_block(">", code, kind, 6)) == 6


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_unknown_orientation_is_none(value: int) -> None:
    assert read_orientation(exif_block("<", "H", 3, value)) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Exif\0\0",
        b"II*\0",
        b"XX*\0\x08\0\0\0",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff",
        exif((0x112, "H", [6, 6, 6])),
        exif((0x112, "f", [6.0])),
        exif((0x10F, "H", [6])),
        exif((0x112, "H", [6]))[:15],
    ],
)
def test_broken_exif_states_no_orientation(data: bytes) -> None:
    assert read_orientation(data) == 1


@pytest.mark.parametrize(
    "xmp",
    [
        b"<rdf:Description tiff:Orientation='6'>",
        b'<rdf:Description\n tiff:Orientation = "6" />',
        b"<tiff:Orientation>6</tiff:Orientation>",
        b"<tiff:Orientation >\n 6 </tiff:Orientation>",
    ],
)
def test_xmp_states_the_orientation_as_attribute_or_element(xmp: bytes) -> None:
    assert read_xmp_orientation(b"<x:xmpmeta>" + xmp + b"</x:xmpmeta>") == 6


@pytest.mark.parametrize(
    "xmp", [b"", b"<a/>", b'tiff:Orientation="0"', b'tiff:Orientation="66"', b'Orientation="6"']
)
def test_other_xmp_states_no_orientation(xmp: bytes) -> None:
    assert read_xmp_orientation(xmp) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_turned_as_pillow_turns_them(orientation: int) -> None:
    picture = PIL.Image.open(
        io.BytesIO(save(gradient(), "PNG", exif=exif((0x112, "H", [orientation]))))
    )
    expected = np.asarray(ImageOps.exif_transpose(picture))

    turned = turn_upright(gradient(), orientation)

    np.testing.assert_array_equal(turned, expected)
    assert turned.flags.c_contiguous


@pytest.mark.parametrize("orientation", [1, 2, 3, 4])
def test_pixels_that_keep_their_shape_are_turned_in_place(orientation: int) -> None:
    pixels = gradient()

    assert turn_upright(pixels, orientation).ctypes.data == pixels.ctypes.data
