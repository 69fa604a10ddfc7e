import struct

import pytest

from modules.errors import ImageError
from modules.object_detection.images.registry import find_format
from modules.object_detection.images.tiff import FORMAT
from modules.object_detection.images.tiff_directory import read_directory
from tests.hostile.builders import tiff


def directory(order: str, *entries: tuple[int, int, int, bytes]) -> bytes:
    """Builds a TIFF of one directory; entries are (tag, type, count, value or its position)."""
    data = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(entries))
    for tag, kind, count, value in entries:
        data += struct.pack(f"{order}HHI", tag, kind, count) + value
    return data + bytes(4)


def first_numbers(data: bytes) -> dict[int, int]:
    """Returns the first number of each tag that has any."""
    found = read_directory(data)
    return {tag: found.number(tag) for tag in found.entries if found.numbers(tag, 1)}


@pytest.mark.parametrize("order", ["<", ">"])
def test_integers_of_every_width_are_read_in_both_byte_orders(order: str) -> None:
    data = directory(
        order,
        (256, 3, 1, struct.pack(f"{order}HH", 40, 0)),
        (257, 4, 1, struct.pack(f"{order}I", 70_000)),
        (258, 1, 1, b"\x08\0\0\0"),
        (259, 9, 1, struct.pack(f"{order}i", -1)),
    )

    assert first_numbers(data) == {256: 40, 257: 70_000, 258: 8, 259: -1}


def test_the_first_of_several_numbers_is_read_from_where_the_entry_points() -> None:
    data = directory("<", (258, 3, 3, struct.pack("<I", 26))) + struct.pack("<HHH", 16, 8, 8)

    assert first_numbers(data) == {258: 16}


def test_all_numbers_up_to_a_limit_are_read() -> None:
    data = directory("<", (258, 3, 3, struct.pack("<I", 26))) + struct.pack("<HHH", 16, 8, 9)

    assert read_directory(data).numbers(258, 9) == (16, 8, 9)
    assert read_directory(data).numbers(258, 2) == (16, 8)
    assert read_directory(data[:-2]).numbers(258, 9) == (16, 8)


def test_bytes_up_to_a_limit_are_read() -> None:
    data = directory("<", (700, 7, 6, struct.pack("<I", 26)), (701, 1, 3, b"abc\0"))
    data = data.replace(struct.pack("<I", 26), struct.pack("<I", len(data))) + b"profil"

    assert read_directory(data).content(700, 6) == b"profil"
    assert read_directory(data).content(700, 5) == b""
    assert read_directory(data).content(701, 9) == b"abc"
    assert read_directory(data).content(702, 9) == b""


def test_the_first_of_two_equal_tags_counts_as_in_libtiff() -> None:
    data = directory("<", (256, 4, 1, b"\x09\0\0\0"), (256, 4, 1, b"\x01\0\0\0"))

    assert first_numbers(data) == {256: 9}


def test_a_tag_that_is_no_integer_hides_a_later_equal_tag() -> None:
    data = directory("<", (256, 11, 1, bytes(4)), (256, 4, 1, b"\x01\0\0\0"))

    assert first_numbers(data) == {}


def test_values_beyond_the_end_of_the_file_are_ignored() -> None:
    data = directory("<", (258, 3, 3, b"\xff\xff\xff\x7f"), (256, 4, 1, b"\x09\0\0\0"))

    assert first_numbers(data) == {256: 9}


def test_a_directory_that_is_cut_off_is_an_error() -> None:
    data = directory("<", (256, 4, 1, b"\x09\0\0\0"))

    with pytest.raises(struct.error):
        read_directory(data[:15])


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_size_of_a_big_tiff(order: str) -> None:
    data = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HHHQ", 43, 8, 0, 16)
    data += struct.pack(f"{order}Q", 2)
    data += struct.pack(f"{order}HHQI4x", 256, 4, 1, 70_000)
    data += struct.pack(f"{order}HHQQ", 257, 16, 1, 80_000)

    assert find_format(data).size(data) == (70_000, 80_000)


def test_tiles_may_be_larger_than_the_picture_but_not_than_the_limit() -> None:
    tile = [(322, "I", [1024]), (323, "I", [1024]), (324, "I", [8]), (325, "I", [9])]
    data = tiff(40, 24, bytes(9), extra=tile)

    assert FORMAT.make_safe(data, 1024 * 1024) == data
    with pytest.raises(ImageError, match="with tiles of 1024 x 1024 pixels"):
        FORMAT.make_safe(data, 1024 * 1024 - 1)
