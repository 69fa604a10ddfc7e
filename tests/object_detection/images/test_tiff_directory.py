import struct

import pytest

from modules.object_detection.images.tiff_directory import read_directory


def directory(order: str, *entries: tuple[int, int, int, bytes]) -> bytes:
    """Entries are (tag, type, count, value or its place)."""
    data = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(entries))
    for tag, kind, count, value in entries:
        data += struct.pack(f"{order}HHI", tag, kind, count) + value
    return data + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
def test_numbers_of_every_width_are_read_in_both_byte_orders(order: str) -> None:
    data = directory(
        order,
        (256, 3, 1, struct.pack(f"{order}HH", 40, 0)),
        (257, 4, 1, struct.pack(f"{order}I", 70_000)),
        (258, 1, 1, b"\x08\0\0\0"),
        (259, 9, 1, struct.pack(f"{order}i", -1)),
    )

    assert read_directory(data) == {256: 40, 257: 70_000, 258: 8, 259: -1}


def test_of_many_numbers_elsewhere_the_first_counts() -> None:
    data = directory("<", (258, 3, 3, struct.pack("<I", 26))) + struct.pack("<HHH", 16, 8, 8)

    assert read_directory(data) == {258: 16}


def test_of_a_tag_that_stands_twice_the_first_counts_as_for_libtiff() -> None:
    data = directory("<", (256, 4, 1, b"\x09\0\0\0"), (256, 4, 1, b"\x01\0\0\0"))

    assert read_directory(data) == {256: 9}


def test_a_tag_of_another_type_hides_a_later_one_of_whole_numbers() -> None:
    data = directory("<", (256, 11, 1, bytes(4)), (256, 4, 1, b"\x01\0\0\0"))

    assert read_directory(data) == {}


def test_values_beyond_the_end_are_not_there() -> None:
    data = directory("<", (258, 3, 3, b"\xff\xff\xff\x7f"), (256, 4, 1, b"\x09\0\0\0"))

    assert read_directory(data) == {256: 9}


def test_a_directory_that_is_cut_off_is_an_error() -> None:
    data = directory("<", (256, 4, 1, b"\x09\0\0\0"))

    with pytest.raises(struct.error):
        read_directory(data[:15])
