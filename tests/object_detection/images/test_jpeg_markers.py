import struct

import pytest

from modules.object_detection.images.jpeg_markers import segments


def test_segments_come_in_order_with_the_positions_of_their_contents() -> None:
    data = b"\xff\xd8" + b"\xff\xe0\0\4ab" + b"\xff\xda\0\3c" + b"pixels\xff\xd9"

    assert list(segments(data)) == [(0xE0, 6), (0xDA, 12), (0xD9, len(data))]


@pytest.mark.parametrize("garbage", [b"junk", b"\xff\xff", b"\xff\0", b"\xff\xd0", b"\xff\x01"])
def test_garbage_between_segments_is_skipped(garbage: bytes) -> None:
    data = b"\xff\xd8" + garbage + b"\xff\xe0\0\4ab" + garbage + b"\xff\xd9"

    assert [marker for marker, _ in segments(data)] == [0xE0, 0xD9]


def test_markers_inside_a_segment_are_not_found() -> None:
    thumbnail = b"\xff\xd8\xff\xda\0\2\xff\xd9"
    data = b"\xff\xd8\xff\xe1" + struct.pack(">H", 2 + len(thumbnail)) + thumbnail + b"\xff\xd9"

    assert [marker for marker, _ in segments(data)] == [0xE1, 0xD9]


def test_nothing_is_read_after_the_end_marker() -> None:
    assert [marker for marker, _ in segments(b"\xff\xd8\xff\xd9\xff\xda\0\2")] == [0xD9]


@pytest.mark.parametrize("length", [b"\0\0", b"\0\1", b"\0\2"])
def test_a_length_too_small_for_itself_means_empty_contents(length: bytes) -> None:
    data = b"\xff\xd8\xff\xe0" + length + b"\xff\xd9"

    assert [marker for marker, _ in segments(data)] == [0xE0, 0xD9]


def test_a_length_that_is_cut_off_is_an_error() -> None:
    with pytest.raises(struct.error):
        list(segments(b"\xff\xd8\xff\xe0\0"))
