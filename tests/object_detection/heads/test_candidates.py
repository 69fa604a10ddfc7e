import numpy as np
import pytest

from modules.object_detection.heads.candidates import (
    Candidates,
    best_class,
    choose_classes,
    sigmoid,
)


def candidates(count: int) -> Candidates:
    centres = np.arange(2 * count, dtype=np.float64).reshape(-1, 2)
    return Candidates.from_centres(
        centres, np.full((count, 2), 2.0), np.linspace(0, 1, count), np.arange(count), unit=(10, 20)
    )


def test_from_centres_divides_corners_by_the_size_of_the_input() -> None:
    found = candidates(2)

    np.testing.assert_allclose(found.boxes, [[-0.1, 0, 0.1, 0.1], [0.1, 0.1, 0.3, 0.2]], rtol=1e-6)
    assert found.boxes.dtype == found.confidences.dtype == np.float32
    assert found.class_ids.dtype == np.int32


def test_from_centres_of_no_boxes_has_the_same_shapes() -> None:
    found = candidates(0)

    assert found.boxes.shape == (0, 4)
    assert found.confidences.shape == found.class_ids.shape == (0,)


def test_select_keeps_the_marked_candidates_in_order() -> None:
    found = candidates(4)

    kept = found.select(np.array([True, False, False, True]))

    assert kept.class_ids.tolist() == [0, 3]
    assert kept.confidences.tolist() == [0, 1]
    np.testing.assert_array_equal(kept.boxes, found.boxes[[0, 3]])


def test_concatenate_joins_in_order() -> None:
    joined = Candidates.concatenate([candidates(2), candidates(0), candidates(3)])

    assert joined.class_ids.tolist() == [0, 1, 0, 1, 2]
    assert joined.boxes.shape == (5, 4)


def test_best_class_is_the_highest_score_of_each_row() -> None:
    class_ids, best = best_class(np.array([[0.1, 0.7, 0.2], [0.5, 0.4, 0.1]]))

    assert class_ids.tolist() == [1, 0]
    assert best.tolist() == [0.7, 0.5]


SCORES = np.array([[0.1, 0.7, 0.5], [0.5, 0.4, 0.1], [0.2, 0.2, 0.3]])


def test_a_box_has_the_best_class_if_that_is_above_the_confidence() -> None:
    chosen = choose_classes(SCORES, 0.3, multi_label=False)

    assert chosen.rows.tolist() == [0, 1]
    assert chosen.class_ids.tolist() == [1, 0]
    assert chosen.confidences.tolist() == [0.7, 0.5]


def test_with_multi_label_a_box_counts_for_every_class_above_the_confidence() -> None:
    chosen = choose_classes(SCORES, 0.3, multi_label=True)

    assert chosen.rows.tolist() == [0, 0, 1, 1]
    assert chosen.class_ids.tolist() == [1, 2, 0, 1]
    assert chosen.confidences.tolist() == [0.7, 0.5, 0.5, 0.4]


@pytest.mark.parametrize("multi_label", [False, True])
def test_the_confidence_is_the_score_times_the_objectness(multi_label: bool) -> None:
    chosen = choose_classes(
        np.log(SCORES), 0.3, multi_label=multi_label, objectness=np.array([0.5, 1, 1]),
        activation=np.exp,
    )  # fmt: skip

    found = zip(chosen.rows.tolist(), chosen.class_ids.tolist(), strict=True)
    assert list(found) == ([(0, 1), (1, 0), (1, 1)] if multi_label else [(0, 1), (1, 0)])
    np.testing.assert_allclose(chosen.confidences, [0.35, 0.5, 0.4][: len(chosen.rows)])


@pytest.mark.parametrize("multi_label", [False, True])
def test_of_no_boxes_no_classes_are_chosen(multi_label: bool) -> None:
    chosen = choose_classes(np.empty((0, 3)), 0.0, multi_label=multi_label)

    assert len(chosen.rows) == len(chosen.class_ids) == len(chosen.confidences) == 0


def test_sigmoid_does_not_overflow() -> None:
    with np.errstate(all="raise"):
        assert sigmoid(np.array([-1e30, 0, 1e30])).tolist() == [0, 0.5, 1]
