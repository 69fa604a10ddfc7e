"""The data of training. Training needs PyTorch; test_model.py checks the model that it wrote."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from demo.market.scenes import render_scene
from demo.training import dataset
from demo.training.curve import draw_curve
from demo.training.dataset import Scenes, batches, rendered, vary

WIDTH, HEIGHT = 64, 48


def picture_of(box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Returns a white box on black, in a picture twice as large as the network's input."""
    picture = np.zeros((2 * HEIGHT, 2 * WIDTH, 3), np.uint8)
    x1, y1, x2, y2 = box
    picture[y1:y2, x1:x2] = 255
    return picture


def label(*box: float) -> NDArray[np.float32]:
    return np.array([[3, *box]], np.float32)


@pytest.mark.parametrize("seed", range(30))
def test_a_box_follows_its_picture_through_every_variation(seed: int) -> None:
    box = (50, 40, 80, 66)
    rng = np.random.default_rng(seed)

    varied, boxes = vary(picture_of(box), label(*box), rng, WIDTH, HEIGHT)

    assert varied.shape == (HEIGHT, WIDTH, 3)
    for class_id, *expected in boxes.tolist():
        # the margin may have any grey, so only the box and its surroundings are checked
        x1, y1, x2, y2 = (round(value) for value in expected)
        inside = varied[max(0, y1 + 1) : y2 - 1, max(0, x1 + 1) : x2 - 1]
        around = varied[max(0, y1 - 4) : y2 + 4, max(0, x1 - 4) : x2 + 4]

        assert class_id == 3
        assert inside.min() > 100
        if (x1, y1) > (4, 4) and (x2, y2) < (WIDTH - 4, HEIGHT - 4):
            assert around[0].max() < 60


def test_an_object_that_is_cropped_by_more_than_half_is_dropped() -> None:
    corner = (0, 0, 40, 30)
    seen = [
        vary(picture_of(corner), label(*corner), np.random.default_rng(seed), WIDTH, HEIGHT)[1]
        for seed in range(60)
    ]
    sides = [(row[3:5] - row[1:3]).prod() for boxes in seen for row in boxes]

    assert 0 < sum(len(boxes) for boxes in seen) < 60
    assert min(sides) > 0.5 * (20 * 15) * np.exp(2 * -0.6)  # half of it at the farthest zoom
    for boxes in seen:
        assert (boxes[:, 1:] >= 0).all()
        assert (boxes[:, [1, 3]] <= WIDTH).all()
        assert (boxes[:, [2, 4]] <= HEIGHT).all()


def test_a_batch_names_the_picture_of_each_object() -> None:
    boxes = [(20, 20, 60, 60), (60, 40, 100, 80)]
    scenes = Scenes(np.stack([picture_of(box) for box in boxes]), [label(*box) for box in boxes])
    order = np.array([1, 0, 1, 0])

    (images, truth), (_, rest) = batches(scenes, order, np.random.default_rng(1), 2, WIDTH, HEIGHT)

    assert images.shape == (2, 3, HEIGHT, WIDTH)
    assert images.dtype == np.float32
    assert 0 <= images.min() < images.max() <= 1
    for rows in (truth, rest):
        assert rows.shape[1] == 6
        assert set(rows[:, 0]) <= {0, 1}
        for image, class_id, x, y, width, height in rows:
            assert class_id == 3
            assert 0 <= x - width / 2 < x + width / 2 <= WIDTH
            assert 0 <= y - height / 2 < y + height / 2 <= HEIGHT
            assert image == int(image)


def test_scenes_are_rendered_once_and_then_read_from_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rendered(tmp_path, 6, 2)
    monkeypatch.delattr(dataset, "render_scene")
    again = rendered(tmp_path, 6, 2)

    scene = render_scene(6, 1, dataset.SIZE)
    assert np.array_equal(first.pixels[1], scene.pixels)
    assert first.labels[1].tolist() == [[label.class_id, *label.box] for label in scene.labels]
    assert np.array_equal(again.pixels, first.pixels)
    assert len(again.first(1)) == 1


def test_the_curve_rises_with_the_value() -> None:
    blue_at = [
        np.nonzero((draw_curve([0.1, value], [1.0, 0.5])[:300, 690] == (180, 110, 30)).all(axis=1))
        for value in (0.3, 0.9)
    ]

    (low,), (high,) = blue_at
    assert high.mean() < low.mean() - 100
