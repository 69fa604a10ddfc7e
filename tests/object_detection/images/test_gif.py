from __future__ import annotations

import io
import struct

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from modules.errors import ImageError
from modules.object_detection.images import decode_image
from modules.object_detection.images.registry import find_format
from tests.hostile.builders import gradient, save

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
FOUR_COLOURS = np.array([[RED, GREEN], [BLUE, RED]], np.uint8).repeat(8, axis=0).repeat(8, axis=1)


def decode(data: bytes) -> NDArray[np.uint8]:
    """Decodes to RGB."""
    return decode_image(data, max_pixels=1_000_000).pixels[..., ::-1]


def in_pillow(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGB"))


def gif(
    canvas: tuple[int, int],
    frame: tuple[int, int, int, int],
    *,
    before: bytes = b"",
    transparent: int | None = None,
) -> bytes:
    """Builds a GIF of one frame, at (left, top, width, height), all of colour 1: red.

    Colour 0 is blue.
    """
    width, height = frame[2:]
    picture = PIL.Image.new("P", (max(width, 1), height), 1)
    picture.putpalette([*BLUE, *RED])
    pixels = save(picture, "GIF", optimize=False)
    frame_at = pixels.index(b",\0\0\0\0" + struct.pack("<HH", *picture.size))
    start = b"GIF89a" + struct.pack("<HHBBB", *canvas, 0x80, 0, 0) + bytes((*BLUE, *RED)) + before
    if transparent is not None:
        start += b"!\xf9\4\1\0\0" + bytes([transparent, 0])
    return start + b"," + struct.pack("<4HB", *frame, 0) + pixels[frame_at + 10 :]


def test_the_first_frame_of_an_animation_is_decoded() -> None:
    second = PIL.Image.fromarray(255 - FOUR_COLOURS)
    data = save(FOUR_COLOURS, "GIF", save_all=True, append_images=[second])

    assert (decode(data) == FOUR_COLOURS).all()


def test_interlaced_rows_are_put_in_order() -> None:
    data = save(gradient(15, 15), "GIF", interlace=True)

    assert (decode(data) == gradient(15, 15)).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_every_mode_is_decoded_as_in_pillow(mode: str) -> None:
    data = save(PIL.Image.fromarray(gradient()).convert(mode), "GIF")

    assert (decode(data) == in_pillow(data)).all()


def test_transparent_pixels_keep_the_colour_that_is_stored() -> None:
    data = gif((9, 7), (0, 0, 9, 7), transparent=1)

    assert (decode(data) == RED).all()
    assert (decode(data) == in_pillow(data)).all()


@pytest.mark.parametrize("transparent", [None, 0])
def test_a_first_frame_that_covers_a_part_of_the_canvas_is_in_its_place(
    transparent: int | None,
) -> None:
    data = gif((9, 7), (2, 3, 4, 2), transparent=transparent)
    expected = np.full((7, 9, 3), BLUE, np.uint8)
    expected[3:5, 2:6] = RED

    assert find_format(data).size(data) == (9, 7)
    assert (decode(data) == expected).all()
    assert (decode(data) == in_pillow(data)).all()


def test_a_first_frame_beyond_the_canvas_extends_it() -> None:
    data = gif((4, 4), (1, 2, 8, 5))

    assert find_format(data).size(data) == (9, 7)
    assert decode(data).shape == (7, 9, 3)


def test_a_canvas_of_size_0_becomes_as_large_as_the_first_frame() -> None:
    assert decode(gif((0, 0), (0, 0, 5, 4))).shape == (4, 5, 3)


def test_comments_and_other_blocks_before_the_first_frame_are_skipped() -> None:
    comment = b"!\xfe\x05a,b;c\x03!,;\0"

    assert (decode(gif((5, 4), (0, 0, 5, 4), before=comment)) == RED).all()


@pytest.mark.parametrize(
    ("canvas", "frame", "size"),
    [((60000, 60000), (0, 0, 2, 2), "60000 x 60000"), ((2, 2), (0, 59998, 2, 2), "2 x 60000")],
)
def test_too_many_pixels_of_the_canvas_or_the_frame_are_refused(
    canvas: tuple[int, int],
    frame: tuple[int, int, int, int],
    size: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "PIL.GifImagePlugin.GifImageFile.load_prepare", lambda _: pytest.fail("spent memory")
    )

    with pytest.raises(ImageError, match=f"{size} pixels are too many"):
        decode_image(gif(canvas, frame), max_pixels=100_000)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (gif((4, 4), (0, 0, 0, 4)), "whose first frame has 0 x 4 pixels"),
        (b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0, 0, 0) + b";", "a GIF without a frame"),
        (b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0, 0, 0), "cut off before its first frame"),
        (b"GIF89a\1", "a GIF that is cut off in its header"),
    ],
)
def test_a_gif_without_a_frame_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        decode_image(data, max_pixels=1000)


def test_a_gif_that_is_cut_off_is_refused() -> None:
    data = save(gradient(100, 100), "GIF")

    with pytest.raises(ImageError, match="a GIF of 100 x 100 pixels that cannot be decoded"):
        decode(data[: len(data) // 2])
