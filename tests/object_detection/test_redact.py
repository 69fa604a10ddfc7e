"""Redaction leaves a few mean colours of each box, and nothing else."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modules.object_detection.redact import redact

WIDTH, HEIGHT = 120, 80


def noise(width: int = WIDTH, height: int = HEIGHT, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def boxes(*corners: tuple[float, float, float, float]) -> NDArray[np.float32]:
    return np.array(corners, np.float32).reshape(-1, 4)


def test_no_boxes_change_nothing() -> None:
    image = noise()

    redact(image, boxes(), smooth=True)

    assert np.array_equal(image, noise())


def test_a_mosaic_has_the_mean_colours_of_four_cells_along_the_longer_side() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, :] = (np.arange(200) // 2)[None, :, None]

    redact(image, boxes((0, 0, 200, 100)), smooth=False)

    found = [tuple(cell) for cell in image[::50, ::50].reshape(-1, 3).tolist()]
    # Columns of 50 pixels have the values 0 to 24, 25 to 49, and so on
    means = [12, 37, 62, 87]
    assert np.abs(np.array(found) - np.array(means * 2)[:, None]).max() <= 1
    for row, column in itertools.product(range(2), range(4)):
        cell = image[row * 50 : row * 50 + 50, column * 50 : column * 50 + 50]
        assert len(np.unique(cell)) == 1


@pytest.mark.parametrize("smooth", [True, False])
def test_pixels_outside_the_box_and_its_margin_stay(smooth: bool) -> None:
    image = noise()

    redact(image, boxes((40, 20, 80, 60)), smooth=smooth)

    changed = (image != noise()).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    # A tenth of 40 pixels on each side
    assert (columns[0], columns[-1], rows[0], rows[-1]) == (36, 83, 16, 63)


def test_the_margin_of_a_tiny_box_grows_with_the_image() -> None:
    image = noise(2000, 50)

    redact(image, boxes((1000, 20, 1004, 24)), smooth=False)

    changed = np.flatnonzero((image != noise(2000, 50)).any(axis=(0, 2)))
    assert (changed[0], changed[-1]) == (990, 1013)  # 10 pixels are 0.5 % of 2,000


CORNERS = st.tuples(
    st.floats(0, WIDTH, width=32),
    st.floats(0, HEIGHT, width=32),
    st.floats(0, WIDTH, width=32),
    st.floats(0, HEIGHT, width=32),
).map(
    lambda sides: (
        min(sides[0], sides[2]),
        min(sides[1], sides[3]),
        max(sides[0], sides[2]),
        max(sides[1], sides[3]),
    )
)


@settings(max_examples=60, deadline=None)
@given(found=st.lists(CORNERS, min_size=1, max_size=6), smooth=st.booleans())
def test_no_detail_of_a_box_is_left(
    found: list[tuple[float, float, float, float]], smooth: bool
) -> None:
    """Overlapping boxes, boxes at borders, and boxes without an area.

    The details are a checkerboard of single pixels, which has the same mean in every cell.
    """
    detailed = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for left, top, right, bottom in found:
        rows = slice(int(top), int(np.ceil(bottom)))
        columns = slice(int(left), int(np.ceil(right)))
        part = detailed[rows, columns]
        ys, xs = np.indices(part.shape[:2])
        part[:] = np.where((ys + xs) % 2, 0, 255)[..., None]
    redact(detailed, boxes(*found), smooth=smooth)

    inside = np.zeros((HEIGHT, WIDTH), bool)
    for left, top, right, bottom in found:
        inside[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = True
    if inside.any():
        # No pixel of a checkerboard is left, only means of at least 8 x 8 pixels or the whole box
        assert not np.isin(detailed[inside], (0, 255)).all()
        assert np.abs(detailed[inside].astype(int) - 128).max() <= 64


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (7, 3)])
def test_a_box_of_a_whole_tiny_image_becomes_its_mean_colours(
    size: tuple[int, int], smooth: bool
) -> None:
    width, height = size
    image = noise(width, height)
    mean = image.reshape(-1, 3).mean(axis=0)

    redact(image, boxes((0, 0, width, height)), smooth=smooth)

    colours = np.unique(image.reshape(-1, 3), axis=0)
    if max(size) <= 8:
        assert len(colours) == 1
        assert np.abs(colours - mean).max() <= 1
    elif not smooth:
        assert len(colours) <= 4


def test_a_picture_of_other_strides_is_redacted_in_place() -> None:
    stored = noise()
    turned = stored[::-1, ::-1]

    redact(turned, boxes((0, 0, 60, 40)), smooth=False)

    assert len(np.unique(stored[-40:, -60:].reshape(-1, 3), axis=0)) <= 4 * 3
