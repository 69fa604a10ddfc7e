"""How the order of the columns of a list of objects is found."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from modules.errors import ModelError
from modules.object_detection.heads.corner_rows import (
    Columns,
    arrange,
    columns_in_name,
    decode,
    find_columns,
    known_orders,
    scores_fall,
)

SIZE = (640, 480)
BOX = ("x1", "y1", "x2", "y2")
CLASS_FIRST = ("batch", *BOX, "class", "score")
SCORE_FIRST = ("batch", *BOX, "score", "class")
BOX_LAST = ("batch", "class", "score", *BOX)
VALUES = {
    "batch": [0, 0, 0],
    "x1": [0, 300, 12],
    "y1": [0, 5, 200],
    "x2": [50, 400, 80],
    "y2": [60, 90, 240],
    "score": [0.9, 0.75, 0.5],
    "class": [0, 0, 1],
}


def table(columns: Columns, **others: list[float]) -> NDArray[np.float32]:
    return np.array([{**VALUES, **others}[name] for name in columns], np.float32).T


@pytest.mark.parametrize("columns", [CLASS_FIRST, SCORE_FIRST, BOX_LAST])
def test_the_order_is_found_in_the_values(columns: Columns) -> None:
    assert find_columns(table(columns)) == columns

    found = decode(table(columns), None, SIZE, 0.6)

    assert found.class_ids.tolist() == [0, 0]
    np.testing.assert_allclose(found.confidences, [0.9, 0.75])
    np.testing.assert_allclose(found.boxes * np.tile(SIZE, 2), [[0, 0, 50, 60], [300, 5, 400, 90]])


@pytest.mark.parametrize("columns", [CLASS_FIRST, SCORE_FIRST, BOX_LAST])
@pytest.mark.parametrize(("score", "class_id"), [(1.0, 0), (1.0, 1), (1.0, 2), (0.3, 0), (0.3, 1)])
def test_one_row_shows_the_order_even_with_a_score_of_1(
    columns: Columns, score: float, class_id: float
) -> None:
    row = table(columns, score=[score] * 3, **{"class": [class_id] * 3})[:1]

    found = decode(row, None, SIZE, 0.1)

    assert (found.class_ids.tolist(), found.confidences.tolist()) == (
        [class_id],
        pytest.approx([score]),
    )


@pytest.mark.parametrize(
    "others",
    [
        {"score": [0.9, 2.0, 0.5]},
        {"class": [0.5, 0.5, 0.5]},
        {"x2": [-1, -1, -1]},
        {"batch": [0, 3, 0]},
    ],
)
def test_values_that_fit_no_order_are_an_error_with_the_first_row(
    others: dict[str, list[float]],
) -> None:
    rows = table(CLASS_FIRST, **others)

    assert find_columns(rows) is None
    with pytest.raises(ModelError, match=r"the first is \[0, 0, .*\"columns\": \[\"batch\""):
        decode(rows, None, SIZE, 0.5)


@pytest.mark.parametrize("width", [6, 7])
def test_no_rows_and_rows_of_zeros_hold_no_objects(width: int) -> None:
    for rows in (np.zeros((0, width), np.float32), np.zeros((5, width), np.float32)):
        assert find_columns(rows) is None
        assert len(decode(rows, None, SIZE, 0.5).confidences) == 0


def test_rows_are_padded_with_zeros() -> None:
    rows = np.zeros((9, 6), np.float32)
    rows[:3] = table(("x1", "y1", "x2", "y2", "score", "class"))

    assert find_columns(rows) == known_orders(rows)[0]
    assert len(decode(rows, None, SIZE, 0.1).confidences) == 3


def test_columns_behind_the_sixth_are_ignored() -> None:
    rows = np.concatenate([table(("x1", "y1", "x2", "y2", "score", "class")), np.ones((3, 3))], 1)

    assert arrange(rows, known_orders(rows)[0]).tolist() == rows[:, :6].tolist()


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("batchno_classid_score_x1y1x2y2", BOX_LAST),
        ("batchno_classid_x1y1x2y2_score", ("batch", "class", *BOX, "score")),
        ("batchno_classid_x1y1x2y2", None),
        ("batchno_classid_score_x1y1x2y2_landms", None),
        ("output0", None),
    ],
)
def test_an_outputs_name_may_spell_out_the_order(name: str, columns: Columns | None) -> None:
    assert columns_in_name(name) == columns


def test_scores_fall_within_each_class() -> None:
    rows = np.zeros((5, 6), np.float32)
    rows[:, 2] = 9

    rows[:, 4:] = np.array([[0.9, 0], [0.4, 0], [0.7, 1], [0.7, 1], [0, 0]])
    assert scores_fall(rows)
    rows[:, 4] = [0.4, 0.9, 0.7, 0.6, 0]
    assert not scores_fall(rows)


def test_a_row_of_zeros_between_others_is_no_padding() -> None:
    rows = np.zeros((3, 6), np.float32)
    rows[::2] = np.array([[1, 1, 9, 9, 0.9, 0], [1, 1, 9, 9, 0.8, 0]])

    assert not scores_fall(rows)
