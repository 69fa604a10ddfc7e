import numpy as np
import pytest

from modules.object_detection.heads.grid import Grid


@pytest.mark.parametrize(
    ("count", "per_cell", "strides"),
    [
        (8400, 1, (8, 16, 32)),  # YOLOv8 at 640 x 640
        (25200, 3, (8, 16, 32)),  # YOLOv5
        (8500, 1, (8, 16, 32, 64)),  # with P6
        (34000, 1, (4, 8, 16, 32)),  # with P2
        (2000, 1, (16, 32)),  # YOLOv3-tiny by Ultralytics
    ],
)
def test_the_grid_is_found_by_the_number_of_boxes(
    count: int, per_cell: int, strides: tuple[int, ...]
) -> None:
    assert Grid.with_boxes(count, (640, 640), per_cell) == Grid((640, 640), strides, per_cell)


def test_other_numbers_of_boxes_have_no_grid() -> None:
    assert Grid.with_boxes(8401, (640, 640), 1) is None
    assert Grid.with_boxes(0, (640, 640), 1) is None


def test_cells_are_ordered_by_level_then_row() -> None:
    grid = Grid((96, 64), (32, 64))  # 3 x 2 cells, and 2 x 1: numbers of cells are rounded up

    assert grid.corners.tolist() == [
        [0, 0], [32, 0], [64, 0],
        [0, 32], [32, 32], [64, 32],
        [0, 0], [64, 0],
    ]  # fmt: skip
    assert grid.strides_of_boxes.tolist() == [32] * 6 + [64] * 2


def test_boxes_are_ordered_by_anchor_within_a_level() -> None:
    one, three = Grid((64, 64), (32,)), Grid((64, 64), (32,), per_cell=3)

    np.testing.assert_array_equal(three.corners, np.concatenate([one.corners] * 3))
    assert three.boxes == len(three.strides_of_boxes) == 12
