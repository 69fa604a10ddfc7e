from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from modules.object_detection.detections import Detections
from modules.object_detection.merging import Found, merge

SIZE = (1000, 500)
WHOLE = (0, 0, *SIZE)


def detections(*rows: tuple[Sequence[float], float, int]) -> Detections:
    """Makes detections of boxes, confidences and class ids."""
    return Detections(
        np.array([box for box, _, _ in rows], np.float32).reshape(-1, 4),
        np.array([confidence for _, confidence, _ in rows], np.float32),
        np.array([class_id for _, _, class_id in rows], np.int32),
    )


def found(*rows: tuple[Sequence[float], float, int], cut: bool = False) -> Found:
    """Makes what one pass found, in pixels of the image; all boxes are cut or none is."""
    return Found(detections(*rows), np.full(len(rows), cut))


def listed(merged: Detections) -> list[tuple[list[float], float, int]]:
    """Returns detections as `detections` takes them, rounded."""
    rows = zip(merged.boxes, merged.confidences, merged.class_ids, strict=True)
    return [
        ([round(float(side), 1) for side in box], round(float(confidence), 3), int(class_id))
        for box, confidence, class_id in rows
    ]


def test_of_nothing_nothing_is_merged() -> None:
    assert len(merge([found(), found()])) == 0


def test_boxes_of_one_pass_are_never_compared() -> None:
    rows = [([0, 0, 100, 100], 0.9, 0), ([0, 0, 100, 90], 0.8, 0)]

    assert listed(merge([found(*rows), found()])) == [
        ([0, 0, 100, 100], 0.9, 0),
        ([0, 0, 100, 90], 0.8, 0),
    ]


def test_classes_are_merged_apart() -> None:
    merged = merge([found(([0, 0, 100, 100], 0.9, 0)), found(([0, 0, 100, 100], 0.8, 1))])

    assert merged.class_ids.tolist() == [0, 1]


def test_two_views_of_an_object_become_one_with_the_higher_confidence() -> None:
    merged = merge([found(([10, 0, 110, 100], 0.6, 0)), found(([0, 0, 100, 100], 0.9, 0))])

    ((box, confidence, _),) = listed(merged)
    assert confidence == 0.9
    assert box[0] < 10
    assert box[2] > 99


def test_neighbours_that_overlap_little_stay_two() -> None:
    merged = merge([found(([0, 0, 100, 100], 0.6, 0)), found(([60, 0, 160, 100], 0.9, 0))])

    assert len(merged) == 2


@pytest.mark.parametrize("confidence", [0.5, 0.9])
def test_a_part_that_a_seam_cuts_goes_with_the_whole_also_if_it_is_more_confident(
    confidence: float,
) -> None:
    whole, part = ([0, 0, 200, 100], 0.6, 0), ([0, 0, 80, 100], confidence, 0)

    assert listed(merge([found(part, cut=True), found(whole)])) == [whole]


def test_a_small_box_inside_a_larger_one_stays_if_no_seam_cuts_it() -> None:
    merged = merge([found(([0, 0, 200, 100], 0.9, 0)), found(([10, 10, 90, 90], 0.6, 0))])

    assert len(merged) == 2


def test_the_part_of_an_object_that_nobody_saw_whole_stays_with_its_confidence() -> None:
    part = ([0.0, 0.0, 80.0, 100.0], 0.9, 0)

    assert listed(merge([found(part, cut=True), found()])) == [part]


def test_a_box_is_moved_and_cut_where_it_ends_at_a_seam() -> None:
    inside, right, top = [100, 100, 200, 200], [300, 50, 400, 90], [50, 0, 90, 40]
    rows = [(box, 0.5, 0) for box in map(list, (inside, right, top))]

    moved = Found.in_slice(detections(*rows), (200, 0, 600, 400), SIZE)

    assert moved.detections.boxes.tolist() == [
        [300, 100, 400, 200],
        [500, 50, 600, 90],
        [250, 0, 290, 40],  # the top of the image is no seam
    ]
    assert moved.is_cut.tolist() == [False, True, False]


def test_no_box_of_the_whole_image_is_cut() -> None:
    rows = [([0.0, 0.0, 1000.0, 500.0], 0.5, 0)]

    assert Found.in_slice(detections(*rows), WHOLE, SIZE).is_cut.tolist() == [False]


def test_the_order_of_the_passes_changes_nothing_but_ties() -> None:
    generator = np.random.default_rng(5)
    passes = []
    for _ in range(6):
        corners = generator.uniform(0, 400, (40, 2))
        boxes = np.concatenate([corners, corners + generator.uniform(20, 150, (40, 2))], axis=1)
        passes.append(
            Found(
                Detections(
                    boxes.astype(np.float32),
                    generator.uniform(0.1, 1, 40).astype(np.float32),
                    generator.integers(0, 3, 40).astype(np.int32),
                ),
                generator.uniform(size=40) < 0.3,
            )
        )

    forward, backward = merge(passes), merge(passes[::-1])

    assert 0 < len(forward) < 240
    np.testing.assert_allclose(forward.boxes, backward.boxes, atol=1e-3)
    assert forward.class_ids.tolist() == backward.class_ids.tolist()
