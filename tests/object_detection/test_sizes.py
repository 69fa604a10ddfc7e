import argparse

import pytest

from modules.object_detection.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("100", (100, 100)), ("128x96", (128, 96)), ("1x99999", (1, 99_999))],
)
def test_a_size_is_a_number_of_pixels_or_a_width_and_a_height(
    text: str, size: tuple[int, int]
) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "0", "-3", "20x", "x20", "axb", "20x20x3", "0x64", "100000", "20X20", " 20", "٣"]
)
def test_a_text_that_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(
        argparse.ArgumentTypeError,
        match=f"'{text}' is not a size in pixels like 640 or 640x480, each side from 1 to 99,999",
    ):
        parse_size(text)


def test_a_single_number_is_refused_where_a_width_and_a_height_are_needed() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="'64' is not a width and height like"):
        parse_size("64", square=False)


@pytest.mark.parametrize("text", ["63x64", "64x63", "64x4097", "4097x64"])
def test_a_side_outside_the_limits_is_refused(text: str) -> None:
    assert parse_size("64x4096", smallest=64, largest=4_096) == (64, 4_096)

    with pytest.raises(argparse.ArgumentTypeError, match="each side from 64 to 4,096 pixels"):
        parse_size(text, smallest=64, largest=4_096)
