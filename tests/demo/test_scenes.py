import numpy as np
import pytest
from numpy.typing import NDArray

from demo.drawing.fruit import draw
from demo.drawing.varieties import KINDS, variety
from demo.market.scenes import (
    HELD_OUT_SEED,
    SAMPLE_SEED,
    TRAINING_SEED,
    Scene,
    render_scene,
)
from demo.market.stage import Label, Stage

SMALL = (240, 180)
WHITE, HEIGHT, WIDTH = 255.0, 60, 80


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [render_scene(HELD_OUT_SEED, number, SMALL) for number in range(20)]


def white_stage() -> Stage:
    return Stage(np.full((HEIGHT, WIDTH, 3), WHITE, np.float32), (0.0, 0.0), grain=20)


def block(width: int, height: int) -> NDArray[np.uint8]:
    """Returns an opaque black sprite."""
    sprite = np.zeros((height, width, 4), np.uint8)
    sprite[:, :, 3] = 255
    return sprite


def put_block(stage: Stage, width: int, height: int, x: float, y: float, kind: int = 0) -> bool:
    return stage.put_fruit(block(width, height), (x, y), kind, min_visible=0.6, shadow=0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_box_fits_tightly_around_the_drawn_fruit(kind: str) -> None:
    stage = white_stage()
    sprite = draw(variety(kind, 2), np.random.default_rng(4), 41)

    stage.put_fruit(sprite, (37, 30), KINDS.index(kind), min_visible=0.6, shadow=0.0)

    (label,) = stage.labels(0.6)
    changed = np.abs(stage.canvas - WHITE).max(axis=2) > 40
    rows, columns = np.nonzero(changed)
    drawn = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    assert label.class_id == KINDS.index(kind)
    assert np.abs(np.subtract(label.box, drawn)).max() <= 2


def test_a_box_covers_the_visible_part_only() -> None:
    stage = white_stage()
    put_block(stage, 20, 20, 30, 30)

    stage.put(block(20, 8), (30, 24), shadow=0.0)

    assert stage.labels(0.5) == (Label(0, (20, 28, 40, 40)),)
    assert stage.labels(0.7) == ()


def test_nothing_is_placed_where_it_would_hide_a_fruit() -> None:
    stage = white_stage()
    put_block(stage, 20, 20, 30, 30)

    assert not put_block(stage, 20, 20, 34, 30, kind=1)
    assert put_block(stage, 20, 20, 43, 30, kind=1)
    assert [label.class_id for label in stage.labels(0.6)] == [0, 1]


def test_a_fruit_is_mostly_inside_the_picture() -> None:
    stage = white_stage()

    assert not put_block(stage, 20, 20, 0, 30)
    assert not put_block(stage, 20, 20, -50, 30)
    assert put_block(stage, 20, 20, WIDTH - 5, 30)
    assert stage.labels(0.6) == (Label(0, (65, 20, WIDTH, 40)),)


def test_the_same_seed_and_number_make_the_same_scene(scenes: list[Scene]) -> None:
    again = render_scene(HELD_OUT_SEED, 3, SMALL)

    assert np.array_equal(again.pixels, scenes[3].pixels)
    assert again.labels == scenes[3].labels


def test_every_label_has_a_known_kind_and_is_inside_the_picture(scenes: list[Scene]) -> None:
    width, height = SMALL
    for label in (label for scene in scenes for label in scene.labels):
        x1, y1, x2, y2 = label.box

        assert 0 <= label.class_id < len(KINDS)
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height


def test_scenes_hold_every_kind_in_many_sizes_and_overlaps(scenes: list[Scene]) -> None:
    labels = [label for scene in scenes for label in scene.labels]
    sides = [max(x2 - x1, y2 - y1) for x1, y1, x2, y2 in (label.box for label in labels)]
    overlapping = [scene for scene in scenes if any_overlap(scene.labels)]

    assert {label.class_id for label in labels} == set(range(len(KINDS)))
    assert max(sides) > 3 * min(sides)
    assert len(overlapping) > len(scenes) / 2


def any_overlap(labels: tuple[Label, ...]) -> bool:
    boxes = [label.box for label in labels]
    return any(
        a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
        for number, a in enumerate(boxes)
        for b in boxes[:number]
    )


def test_scenes_vary_in_light_colour_and_sharpness(scenes: list[Scene]) -> None:
    means = np.array([scene.pixels.mean(axis=(0, 1)) for scene in scenes])
    steps = [np.abs(np.diff(scene.pixels.astype(int), axis=1)).mean() for scene in scenes]

    assert np.ptp(means.mean(axis=1)) > 60
    assert np.ptp(means[:, 2] - means[:, 0]) > 30
    assert max(steps) > 1.5 * min(steps)


def test_held_out_scenes_are_not_among_the_training_scenes(scenes: list[Scene]) -> None:
    trained_on = [render_scene(TRAINING_SEED, number, SMALL).pixels for number in range(4)]

    assert len({TRAINING_SEED, HELD_OUT_SEED, SAMPLE_SEED}) == 3
    for scene in scenes:
        assert not any(np.array_equal(scene.pixels, pixels) for pixels in trained_on)
