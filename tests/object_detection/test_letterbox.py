"""The sizes and positions of letterboxed images, by each project's own rules."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from modules.object_detection.darknet import import_darknet
from modules.object_detection.detector import Detector
from modules.object_detection.letterbox import fitted_size, letterbox
from modules.object_detection.preprocessing import DARKNET, Preprocessing
from tests.colour_model import CELL, CFG, SIZE, weights

LETTERBOXED = replace(DARKNET, resize="letterbox-darknet")


def noise(width: int, height: int) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3)).astype(np.uint8)


def darknet_resize_image(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float32]:
    """Follows resize_image in github.com/AlexeyAB/darknet, src/image.c, pixel by pixel."""
    one = np.float32(1)
    old_height, old_width = image.shape[:2]
    source = image.astype(np.float32)
    w_scale = np.float32(old_width - 1) / np.float32(width - 1)
    h_scale = np.float32(old_height - 1) / np.float32(height - 1)
    part = np.zeros((old_height, width, 3), np.float32)
    for column in range(width):
        if column == width - 1 or old_width == 1:
            part[:, column] = source[:, -1]
        else:
            at = np.float32(column) * w_scale
            whole = int(at)
            rest = at - np.float32(whole)
            part[:, column] = (one - rest) * source[:, whole] + rest * source[:, whole + 1]
    resized = np.zeros((height, width, 3), np.float32)
    for row in range(height):
        at = np.float32(row) * h_scale
        whole = int(at)
        rest = at - np.float32(whole)
        resized[row] = (one - rest) * part[whole]
        if row == height - 1 or old_height == 1:
            continue
        resized[row] += rest * part[whole + 1]
    return resized


# Image, input, and what letterbox_image in github.com/AlexeyAB/darknet, src/image.c, computes:
# new_w, new_h, and where embed_image puts the image; all as width and height, or left and top
RECORDED = [
    ((773, 512), (416, 416), (416, 275), (0, 70)),  # 275.53
    ((773, 512), (512, 512), (512, 339), (0, 86)),  # 339.12; 173 rows remain
    ((768, 576), (416, 416), (416, 312), (0, 52)),
    ((640, 424), (320, 320), (320, 212), (0, 54)),
    ((427, 640), (320, 320), (213, 320), (53, 0)),  # 213.5, which others round to 214
    ((640, 427), (608, 608), (608, 405), (0, 101)),  # 405.65
    ((500, 381), (320, 320), (320, 243), (0, 38)),  # 243.84
    ((381, 500), (320, 320), (243, 320), (38, 0)),
    ((1000, 3), (64, 64), (64, 1), (0, 31)),  # Darknet's own height is 0, which is no image
    ((3, 1000), (64, 64), (1, 64), (31, 0)),
    ((500, 500), (416, 416), (416, 416), (0, 0)),
    ((37, 53), (96, 64), (44, 64), (26, 0)),  # enlarged, input not square
    ((53, 37), (96, 64), (91, 64), (2, 0)),
    ((192, 128), (96, 64), (96, 64), (0, 0)),
]


@pytest.mark.parametrize(("image_size", "size", "inner", "corner"), RECORDED)
def test_darknets_letterbox_cuts_sides_off_to_whole_pixels(
    image_size: tuple[int, int],
    size: tuple[int, int],
    inner: tuple[int, int],
    corner: tuple[int, int],
) -> None:
    image = np.full((image_size[1], image_size[0], 3), 200, np.uint8)

    canvas, *placed = letterbox(image, size, "letterbox-darknet", 127.5)

    assert placed == [corner, inner]
    assert canvas.shape == (size[1], size[0], 3)
    rows, columns = np.nonzero(canvas[..., 0] != 127.5)
    assert (columns.min(), rows.min()) == corner
    assert (columns.max() + 1, rows.max() + 1) == (corner[0] + inner[0], corner[1] + inner[1])


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(1, 1600), st.integers(1, 1600))
def test_darknets_letterbox_fits_into_the_input(
    image_width: int, image_height: int, width: int, height: int
) -> None:
    inner = fitted_size((image_width, image_height), (width, height), "letterbox-darknet")

    assert 1 <= inner[0] <= width
    assert 1 <= inner[1] <= height
    assert inner[0] == width or inner[1] == height


@pytest.mark.parametrize(
    ("image_size", "size"),
    [
        ((70, 40), (32, 32)),
        ((20, 15), (64, 48)),
        ((33, 45), (33, 45)),
        ((1, 9), (3, 27)),
        ((9, 1), (27, 3)),
        ((773, 512), (512, 512)),  # the last row is almost black, through a rounding of Darknet's
    ],
)
def test_pixels_are_those_of_darknets_resize_image(
    image_size: tuple[int, int], size: tuple[int, int]
) -> None:
    image = noise(*image_size)

    canvas, (left, top), inner = letterbox(image, size, "letterbox-darknet", 127.5)

    found = canvas[top : top + inner[1], left : left + inner[0]]
    np.testing.assert_array_equal(found, darknet_resize_image(image, *inner))


@pytest.mark.parametrize(
    ("image_size", "inner", "corner"),
    [((773, 512), (96, 63), (0, 16)), ((427, 640), (64, 96), (16, 0)), ((2, 2), (96, 96), (0, 0))],
)
def test_the_whole_input_is_that_of_darknets_letterbox_image(
    image_size: tuple[int, int], inner: tuple[int, int], corner: tuple[int, int]
) -> None:
    """Darknet's images are RGB, from 0 to 1, and letterbox_image fills with 0.5."""
    image = noise(*image_size)
    expected = np.full((96, 96, 3), 0.5, np.float32)
    left, top = corner
    resized = darknet_resize_image(image, *inner) / 255
    expected[top : top + inner[1], left : left + inner[0]] = resized[..., ::-1]

    blob, _ = LETTERBOXED.apply(image, (96, 96))

    np.testing.assert_allclose(blob[0], expected.transpose(2, 0, 1), atol=1e-6)


@pytest.mark.parametrize("image_size", [(1, 1), (1, 60), (60, 1), (1, 1000), (1000, 1)])
def test_an_image_of_one_pixel_is_resized_to_finite_values(image_size: tuple[int, int]) -> None:
    blob, _ = LETTERBOXED.apply(noise(*image_size), (96, 96))

    assert np.isfinite(blob).all()


def test_a_padding_between_two_greys_is_kept() -> None:
    image = np.full((10, 20, 3), 255, np.uint8)

    blob, _ = Preprocessing(resize="letterbox", padding=127.5).apply(image, (64, 64))

    assert blob[0, 0, 0, 0] == 0.5
    assert blob[0, 0, 32, 32] == 1.0


@pytest.mark.parametrize("from_setting", [True, False])
@pytest.mark.parametrize(
    ("width", "height"), [(773, 512), (427, 640), (640, 427), (131, 97), (97, 131), (64, 64)]
)
def test_boxes_of_a_letterboxed_darknet_network_are_at_their_objects(
    width: int, height: int, from_setting: bool
) -> None:
    """The object is in the middle of one cell of the input, so its box is that cell."""
    inner = fitted_size((width, height), (SIZE, SIZE), "letterbox-darknet")
    left, top = (SIZE - inner[0]) // 2, (SIZE - inner[1]) // 2
    cell = np.array([4 * CELL, 4 * CELL, 5 * CELL, 5 * CELL])  # one in the middle of the input
    scale = np.array([width / inner[0], height / inner[1]] * 2)
    expected = (cell - [left, top, left, top]) * scale
    image = np.zeros((height, width, 3), np.uint8)
    x0, y0, x1, y1 = (expected + scale * [2, 2, -2, -2]).round().astype(int)
    image[y0:y1, x0:x1] = (0, 0, 255)
    cfg = CFG if from_setting else CFG.replace("channels=3", "channels=3\nletter_box=1")
    network = import_darknet(cfg, io.BytesIO(weights()))

    found = Detector(network, letterbox=True if from_setting else None).detect(image)

    np.testing.assert_allclose(found.boxes, [expected], atol=1e-3)
