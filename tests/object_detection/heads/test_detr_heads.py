"""DETR-like outputs: which head reads them, which pixels the network takes, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from modules.errors import ModelError, UndecidedHeadError
from modules.object_detection.heads.detr_feeding import DETR, RT_DETR
from modules.object_detection.heads.form import RecognisedHead
from modules.object_detection.heads.probe import Probe
from modules.object_detection.heads.queries import COCO_IDS
from modules.object_detection.heads.recognition import recognise
from modules.object_detection.model_description import Description

SIZE = (64, 64)
QUERIES = 5
BOX = [0.5, 0.25, 0.2, 0.1]  # centre and size
CORNERS = [0.4, 0.2, 0.6, 0.3]


def outputs(columns: int, names: tuple[str, str] = ("logits", "pred_boxes")) -> dict[str, Any]:
    """Returns logits of -5 and equal boxes, of `QUERIES` queries."""
    logits = np.full((1, QUERIES, columns), -5, np.float32)
    boxes = np.tile(np.array(BOX, np.float32), (1, QUERIES, 1))
    return dict(zip(names, (logits, boxes), strict=True))


def probe(columns: int, labels: int | None, **others: Any) -> Probe:
    return Probe(outputs(columns), SIZE, labels, **{"stem": frozenset({3}), **others})


def find(probed: Probe, confidence: float = 0.5, **description: Any) -> tuple[RecognisedHead, Any]:
    found = recognise(probed, Description(**description))
    raw = [probed.outputs[name] for name in found.outputs]
    return found, found.head.decode(raw, SIZE, confidence)


def test_a_query_counts_for_each_probable_class() -> None:
    probed = probe(3, 3)
    probed.outputs["logits"][0, 2] = [0, 2, -2]

    found, candidates = find(probed, 0.4)

    assert found.head.summary.name == "detr"
    assert found.head.suppressed
    np.testing.assert_allclose(candidates.boxes, [CORNERS, CORNERS], atol=1e-6)
    assert candidates.class_ids.tolist() == [0, 1]
    np.testing.assert_allclose(candidates.confidences, [0.5, 1 / (1 + np.exp(-2))], atol=1e-6)


def test_only_as_many_pairs_as_queries_count() -> None:
    probed = probe(3, 3)
    probed.outputs["logits"][...] = np.arange(3 * QUERIES).reshape(1, QUERIES, 3) - 2

    _, candidates = find(probed, 0.1)

    assert candidates.class_ids.tolist() == [1, 2, 0, 1, 2]  # the last two queries


def test_one_name_less_than_columns_means_a_softmax_with_no_object() -> None:
    probed = probe(4, 3)
    probed.outputs["logits"][0, 1] = np.log([0.1, 0.7, 0.1, 0.1])
    probed.outputs["logits"][0, 3] = np.log([0.05, 0.05, 0.1, 0.8])

    found, candidates = find(probed, 0.5)

    assert found.head.summary.name == "detr-softmax"
    assert found.preprocessing == DETR
    assert candidates.class_ids.tolist() == [1]
    np.testing.assert_allclose(candidates.confidences, [0.7], atol=1e-6)


def test_without_names_the_heads_are_listed() -> None:
    with pytest.raises(UndecidedHeadError, match=r'"detr" .* or "head": "detr-softmax".*\*\.names'):
        find(probe(4, None))


def test_another_number_of_names_is_refused_with_both_numbers() -> None:
    with pytest.raises(ModelError, match="it has 7 columns, and there are names for 3"):
        find(probe(7, 3))
    with pytest.raises(ModelError, match=r"names for 3 classes; it has 7 columns .* each of them"):
        find(probe(7, 3), head="detr")


@pytest.mark.parametrize(
    ("columns", "names", "head"),
    [(91, ("logits", "pred_boxes"), "detr"), (91, ("labels", "dets"), "rf-detr"),
     (92, ("logits", "pred_boxes"), "detr-softmax")],
)  # fmt: skip
def test_80_names_are_cocos_category_ids(columns: int, names: tuple[str, str], head: str) -> None:
    found_in = outputs(columns, names)
    found_in[names[0]][0, 0, 18] = 9  # COCO's id of a dog
    found_in[names[0]][0, 1, 12] = 9  # an id that no category has

    found, candidates = find(Probe(found_in, SIZE, 80, stem=frozenset({3})))

    assert found.head.summary.name == head
    assert candidates.class_ids.tolist() == [16]
    assert len(COCO_IDS) == 80
    assert (COCO_IDS[0], COCO_IDS[16], COCO_IDS[79]) == (1, 18, 90)


@pytest.mark.parametrize("names", [("logits", "pred_boxes"), ("labels", "dets")])
def test_90_names_for_91_columns_are_refused(names: tuple[str, str]) -> None:
    probed = Probe(outputs(91, names), SIZE, 90, stem=frozenset({3}))

    with pytest.raises(ModelError, match=r"give 91\s+names, beginning with .* or the 80 names; .*"):
        find(probed)


def test_an_rf_detr_on_own_classes_has_a_last_column_that_is_dropped() -> None:
    found_in = outputs(4, ("labels", "dets"))
    found_in["labels"][0, 0] = [-5, -5, 3, 9]

    found, candidates = find(Probe(found_in, SIZE, 3))

    assert found.evidence == "the outputs' names, dets and labels"
    assert found.preprocessing == DETR
    assert candidates.class_ids.tolist() == [2]


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({"stem": frozenset({3})}, RT_DETR),
        ({"stem": frozenset({7})}, DETR),
        ({"stem": frozenset({3, 16})}, DETR),  # DINOv3 beside convolutions, in DEIMv2
        ({"stem": frozenset({14})}, DETR),
        ({"inputs": ("pixel_values", "pixel_mask"), "stem": frozenset({3})}, DETR),
    ],
    ids=str,
)
def test_the_convolution_that_takes_the_image_tells_the_pixels(
    others: dict[str, Any], expected: object
) -> None:
    assert find(probe(3, 3, **others))[0].preprocessing == expected


@pytest.mark.parametrize(
    "others",
    [
        {"stem": frozenset()},
        {"stem": frozenset({5})},
        {"stem": frozenset({7}), "weights": {"model.encoder.fpn_blocks.0.conv1.weight": (1,)}},
    ],
    ids=str,
)
def test_pixels_that_nothing_tells_are_asked_for(others: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match='"family": "rt-detr" or "family": "conditional-detr"'):
        find(probe(3, 3, **others))
    assert find(probe(3, 3, **others), family="deimv2-dinov3")[0].head.classes == 3


def own_form(**others: Any) -> Probe:
    found_in = {
        "labels": np.array([[2, 0, 1]], np.float32),
        "boxes": np.array([[[32, 16, 48, 20], [0, 0, 64, 64], [1, 2, 3, 4]]], np.float32),
        "scores": np.array([[0.9, 0.6, 0.1]], np.float32),
    }
    sizes = ("images", "orig_target_sizes")
    return Probe(found_in, SIZE, 3, inputs=sizes, **{"stem": frozenset({3}), **others})


def test_labels_boxes_and_scores_are_read_in_pixels_of_the_input() -> None:
    found, candidates = find(own_form())

    assert (found.head.summary.name, found.evidence) == (
        "detr-boxes",
        "the input orig_target_sizes",
    )
    assert found.outputs == ("labels", "boxes", "scores")
    np.testing.assert_allclose(candidates.boxes, [[0.5, 0.25, 0.75, 0.3125], [0.0, 0.0, 1.0, 1.0]])
    assert candidates.class_ids.tolist() == [2, 0]


def test_their_other_names_do_not_matter_where_the_network_is_told_the_size() -> None:
    probed = own_form()
    names = {"labels": "x", "boxes": "y", "scores": "z"}
    renamed = {names[key]: probed.outputs[key] for key in ("scores", "boxes", "labels")}

    assert find(replace(probed, outputs=renamed))[0].outputs == ("x", "y", "z")


def centres(count: int = 30) -> np.ndarray:
    """Returns boxes from 0 to 1 that cannot be corners: they are small and far from 0."""
    sides = np.full((count, 2), 0.1, np.float32)
    return np.concatenate([np.linspace(0.4, 0.9, 2 * count).reshape(count, 2), sides], axis=1)


@pytest.mark.parametrize("metadata", [{}, {"description": "Ultralytics rtdetr-l model"}])
@pytest.mark.parametrize("classes", [2, 7])
def test_ultralytics_old_rows_are_a_box_and_probabilities(
    metadata: dict[str, str], classes: int
) -> None:
    scores = np.full((30, classes), 0.05, np.float32)
    scores[3, 1] = 0.75
    scores[8, 0] = 0.85
    rows = np.concatenate([centres(), scores], axis=1)[np.newaxis]

    found, candidates = find(Probe({"output0": rows.astype(np.float32)}, SIZE, classes, metadata))

    assert (found.head.summary.name, found.preprocessing) == ("detr-rows", RT_DETR)
    assert candidates.class_ids.tolist() == [1, 0]
    np.testing.assert_allclose(
        candidates.boxes[0], [*(rows[0, 3, :2] - 0.05), *(rows[0, 3, :2] + 0.05)], atol=1e-6
    )


@pytest.mark.parametrize("metadata", [{}, {"head": "RTDETRDecoder", "end2end": "False"}])
@pytest.mark.parametrize("classes", [2, 7])
def test_ultralytics_new_rows_are_a_box_a_score_and_a_class(
    metadata: dict[str, str], classes: int
) -> None:
    scores = np.linspace(0.9, 0.1, 30)[:, np.newaxis]
    numbers = np.arange(30)[:, np.newaxis] % classes
    rows = np.concatenate([centres(), scores, numbers], axis=1)[np.newaxis].astype(np.float32)

    found, candidates = find(Probe({"output0": rows}, SIZE, classes, metadata), 0.86)

    assert (found.head.summary.name, found.preprocessing) == ("detr-list", RT_DETR)
    assert candidates.class_ids.tolist() == [0, 1]


def test_boxes_from_0_to_1_that_may_be_corners_are_refused() -> None:
    rows = np.tile(np.array([0.1, 0.1, 0.5, 0.5, 0.9, 1], np.float32), (1, 30, 1))

    with pytest.raises(ModelError, match="its boxes from 0 to 1 may be corners"):
        find(Probe({"output0": rows}, SIZE, 3))


def test_logits_beside_boxes_in_pixels_are_refused() -> None:
    found_in = outputs(3)
    found_in["pred_boxes"] *= 64

    with pytest.raises(ModelError, match="its boxes are not in units of the input"):
        find(Probe(found_in, SIZE, 3, stem=frozenset({3})))


def test_four_classes_are_told_from_boxes_by_values() -> None:
    logits, boxes = outputs(4).values()
    logits[...] += [2, 0, 1, 0.5]
    for order in ({"a": logits, "b": boxes}, {"b": boxes, "a": logits}):
        assert find(Probe(order, SIZE, 4, stem=frozenset({3})))[0].outputs == ("a", "b")
