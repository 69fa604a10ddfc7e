"""What decides for forms with boxes and scores apart, or with more than boxes; what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from modules.errors import ModelError
from modules.object_detection.angled_nms import keep_angled, similarity
from modules.object_detection.detector import Detector
from modules.object_detection.heads.obb import upright
from modules.object_detection.model_description import Description
from modules.object_detection.network import Network
from modules.object_detection.onnx.importer import import_onnx
from tests.object_detection.onnx import extended_models, separate_models
from tests.object_detection.onnx.onnx_layers import CELLS, cells
from tests.object_detection.onnx.onnx_models import LABELS, constant_outputs, ultralytics

BOXES = (1, CELLS, 4)


def load(data: bytes, labels: tuple[str, ...] | None = LABELS, **description: Any) -> Network:
    network, _ = import_onnx(
        np.frombuffer(data, np.uint8),
        engine="onnxruntime",
        labels=labels,
        description=Description(**description),
    )
    return network


def assert_refused(data: bytes, message: str, **others: Any) -> None:
    with pytest.raises(ModelError, match=message):
        load(data, **others)


def detect(network: Network) -> list[list[float]]:
    """Returns class, confidence and box of what is found in a plain image, 96 x 64."""
    found = Detector(network, engine="onnxruntime").detect(np.zeros((64, 96, 3), np.uint8))
    rows: list[list[float]] = np.column_stack(
        [found.class_ids, found.confidences, found.boxes]
    ).tolist()
    return rows


@pytest.mark.parametrize(
    ("make", "evidence"),
    [
        (separate_models.yolo_nas, "boxes at their cells, and probabilities"),
        (separate_models.yolo_nas_batch, "the output's name, graph2_pred_boxes"),
        (
            lambda: separate_models.rtmdet(layer="bbox_head.rtm_cls.0.weight"),
            "the outputs' names, dets and labels",
        ),
        (separate_models.tensorflow, "the outputs' names, detection_boxes and others"),
        (separate_models.nanodet, "probabilities, and then logits of distances"),
        (extended_models.segment, "`task` in the metadata, segment"),
        (
            lambda: extended_models.segment(metadata={}),
            "a coefficient for each prototype of a mask",
        ),
        (extended_models.pose, "`task` in the metadata, pose"),
        (lambda: extended_models.pose(metadata={}), "keypoints near their cells"),
        (
            lambda: extended_models.pose(metadata={"kpt_shape": "[17, 3]"}),
            "`kpt_shape` in the metadata",
        ),
        (extended_models.obb, "`task` in the metadata, obb"),
        (lambda: extended_models.obb(metadata={}), "angles behind the probabilities"),
    ],
)
def test_the_strongest_evidence_is_shown(make: Callable[[], bytes], evidence: str) -> None:
    assert load(make()).evidence == evidence


@pytest.mark.parametrize(
    ("make", "families"),
    [
        (separate_models.rtmdet, ["rtmdet", "yolox"]),
        (separate_models.ppyoloe, ["ppyoloe", "ppyoloe-plus"]),
        (
            lambda: separate_models.yolo_nas(transposed=True),
            ["ppyoloe", "ppyoloe-plus"],
        ),
        (lambda: separate_models.nanodet(plus=False), ["nanodet-plus", "nanodet"]),
        (separate_models.effdet, ["effdet", "effdet-lite"]),
    ],
)
def test_several_families_with_these_outputs_are_refused_with_their_words(
    make: Callable[[], bytes], families: list[str]
) -> None:
    words = " or ".join(f'"family": "{family}"' for family in families)
    means = {load(make(), family=family).preprocessing for family in families}

    assert_refused(make(), f"nothing in the file tells which it is; give model.json {words}, or ")
    assert len(means) == len(families)


def test_scale_mean_or_std_decide_too_where_families_differ_in_these() -> None:
    network = load(separate_models.ppyoloe(), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))

    assert network.preprocessing.mean == (0.5, 0.5, 0.5)
    assert load(separate_models.rtmdet(), scale=1.0).preprocessing.normalises is False


def test_boxes_and_scores_have_known_values() -> None:
    """A box on cell 3 alone has scores; the first output holds the scores."""
    grid, stride = cells()
    boxes = np.concatenate([grid * stride, (grid + 1) * stride], axis=1)[np.newaxis] * 1.0
    boxes[0, 3] = [20, 10, 60, 42]
    scores = np.zeros((1, CELLS, 3))
    scores[0, 3] = [0.2, 0.9, 0.1]

    found = detect(load(constant_outputs(scores, boxes)))

    np.testing.assert_allclose(found, [[1, 0.9, 20, 10, 60, 42]], atol=1e-4)


def test_with_four_classes_names_decide_before_values_and_nothing_is_guessed() -> None:
    alike = np.tile([0.1, 0.2, 0.8, 0.9], (1, 300, 1))
    four = ("a", "b", "c", "d")
    named = separate_models.yolo_nas(classes=4, names=("pred_boxes", "pred_scores"))

    assert load(named, four).outputs == ("pred_boxes", "pred_scores")
    assert_refused(constant_outputs(alike, alike), "output0", labels=four)
    assert_refused(
        constant_outputs(alike, alike), "the boxes first", labels=four, head="boxes-and-scores"
    )
    data = constant_outputs(alike * 60, alike)
    found = load(data, four, head="boxes-and-scores", outputs=("output0", "output1"))
    assert found.outputs == ("output0", "output1")


@pytest.mark.parametrize(
    ("boxes", "scores", "reason"),
    [
        (np.full(BOXES, 30.0), np.full((1, CELLS, 3), 1.5), "its scores are not from 0 to 1"),
        (np.full(BOXES, 30.0), np.full((1, CELLS, 3), -2.0), "its scores are not from 0 to 1"),
        (np.tile([0.2, 0.2, 0.4, 0.4], (1, CELLS, 1)), np.full((1, CELLS, 3), 0.5), "in pixels"),
        (np.tile([40, 40, 9, 9], (1, CELLS, 1)), np.full((1, CELLS, 3), 0.5), "in pixels"),
    ],
)
def test_boxes_and_scores_with_other_values_are_refused(
    boxes: np.ndarray, scores: np.ndarray, reason: str
) -> None:
    assert_refused(constant_outputs(boxes, scores), rf"`boxes-and-scores`\): .*{reason}")


def test_lists_whose_scores_and_classes_look_alike_are_refused_until_the_order_is_given() -> None:
    boxes = np.array([[[10, 10, 40, 40], [5, 5, 50, 60]]]) * 1.0
    ones = np.ones((1, 2))
    data = constant_outputs(np.array([[2.0]]), boxes, ones, ones * 0)
    names = ("output0", "output1", "output2", "output3")

    assert_refused(data, 'nor their values tell which holds the scores; .*"outputs"')
    found = detect(load(data, head="object-lists", outputs=names))
    assert [row[:2] for row in found] == [[0, 1], [0, 1]]
    assert_refused(
        constant_outputs(np.array([[2.0]]), boxes / 100, ones * 0.5, ones), "not x1, y1, x2, y2 in"
    )


def test_the_number_of_a_list_counts() -> None:
    boxes = np.array([[[10, 10, 40, 40], [5, 5, 50, 60]]]) * 1.0
    data = constant_outputs(np.array([[1.0]]), boxes, np.array([[0.9, 0.8]]), np.array([[2.0, 1]]))

    np.testing.assert_allclose(detect(load(data)), [[2, 0.9, 10, 10, 40, 40]], atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: separate_models.rtmdet(layer="bbox_head.rtm_cls.0.weight", confidence=0.999),
        lambda: separate_models.yolo_nas_batch(confidence=0.999),
        lambda: separate_models.ppyoloe(confidence=0.999),
    ],
    ids=["rtmdet", "yolo-nas", "ppyoloe"],
)
def test_a_network_that_finds_nothing_in_a_first_image_is_recognised(
    make: Callable[[], bytes],
) -> None:
    assert detect(load(make(), scale=1 / 255)) == []


def test_paddles_empty_list_has_a_row_of_class_minus_1() -> None:
    data = constant_outputs(np.array([[-1.0, 0.9, 0, 0, 0, 0]]), np.array([1.0]))

    assert detect(load(data, family="ppyoloe")) == []


def test_tensorflows_classes_are_counted_from_1_and_their_number_must_be_shown() -> None:
    few, unknown = separate_models.tensorflow(), separate_models.tensorflow(multiclass=False)
    coco = tuple(map(str, range(80)))

    assert load(few).classes == load(unknown).classes == 3
    assert_refused(few, "names for 2 classes; the network has 3", labels=LABELS[:2])
    assert_refused(unknown, "80 class names, like COCO's, .* reach 90, with gaps", labels=coco)
    assert load(unknown, tuple(map(str, range(90)))).classes == 90
    assert_refused(separate_models.tensorflow(in_pixels=True), "its boxes are not y1, x1, y2, x2")


def test_80_names_for_90_numbers_are_cocos() -> None:
    boxes = np.tile([0.1, 0.1, 0.5, 0.5], (1, 4, 1))
    numbers, scores = np.array([[1.0, 12, 13, 90]]), np.array([[0.9, 0.8, 0.7, 0.6]])
    data = constant_outputs(
        boxes,
        scores,
        numbers,
        np.full((1, 4, 91), 0.1),
        names=(
            "detection_boxes",
            "detection_scores",
            "detection_classes",
            "detection_multiclass_scores",
        ),
    )

    coco = load(data, tuple(map(str, range(80))))
    all_numbers = load(data, tuple(map(str, range(90))))

    assert [row[0] for row in detect(coco)] == [0, 11, 79]  # 12 is a gap, 13 the stop sign
    assert [row[0] for row in detect(all_numbers)] == [0, 11, 12, 89]
    assert_refused(data, "names for 79 classes; the network has 90", labels=LABELS * 26 + ("x",))


def test_a_list_with_classes_from_1_is_told_by_the_names_of_the_weights() -> None:
    counted = load(separate_models.effdet(), family="effdet")
    plain = load(separate_models.effdet(named=False), (*LABELS, "last"))

    assert counted.evidence == "the names of its weights, class_net and box_net"
    assert plain.head.summary.name == "end-to-end"
    assert_refused(separate_models.effdet(classes=4), "names for 3 classes; the network has 4")


@pytest.mark.parametrize(
    "make", [separate_models.rtmdet, separate_models.ppyoloe, separate_models.yolo_nas_batch]
)
def test_lists_need_the_names_of_the_classes(make: Callable[[], bytes]) -> None:
    assert_refused(make(), r"how many classes there are; .* in a \*\.names", labels=None, scale=1.0)


@pytest.mark.parametrize(
    ("make", "left_out"),
    [
        (extended_models.segment, "masks"),
        (extended_models.pose, "keypoints"),
        (extended_models.obb, "angles"),
        (separate_models.yolo_nas, ""),
        (lambda: separate_models.rtmdet(masks=True, layer="bbox_head.rtm_cls"), "masks"),
    ],
)
def test_the_summary_says_what_is_left_out(make: Callable[[], bytes], left_out: str) -> None:
    assert load(make()).head.summary.left_out == left_out


def test_columns_that_may_be_a_class_more_are_no_angles() -> None:
    """The names may be those of another network: nothing is read as angles that can be scores."""
    columns = np.full((1, 8, CELLS), 0.4)
    grid, stride = cells()
    columns[0, :2] = ((grid + 0.5) * stride).T
    columns[0, 2:4] = stride.T
    data = constant_outputs(columns)

    assert_refused(data, "its shape is that of 4 classes, and there are names for 3")
    columns[0, 7, 5] = 1.3
    assert load(constant_outputs(columns)).head.summary.name == "obb"
    columns[0, 7, 5] = 3.3
    assert_refused(constant_outputs(columns), "its shape is that of 4 classes")


def test_keypoints_that_do_not_follow_their_cells_need_metadata() -> None:
    columns = np.full((1, 4 + 3 + 6, CELLS), 0.4)
    grid, stride = cells()
    columns[0, :2] = ((grid + 0.5) * stride).T

    assert_refused(constant_outputs(columns), "that of 9 classes, and there are names for 3")
    stated = ultralytics(task="pose", kpt_shape="[2, 3]")
    assert load(constant_outputs(columns, metadata=stated)).head.classes == 3


def test_upright_boxes_are_the_corners_extremes() -> None:
    turned = upright(
        np.array([[50, 40, 20, 10]] * 3, np.float32), np.radians([0, 90, 45]).astype(np.float32)
    )

    diagonal = 30 / np.sqrt(2)
    expected = [[50, 40, 20, 10], [50, 40, 10, 20], [50, 40, diagonal, diagonal]]
    np.testing.assert_allclose(turned, expected, rtol=1e-6)


def test_angled_boxes_beside_each_other_are_kept_though_their_upright_boxes_overlap() -> None:
    angle = np.pi / 4
    boxes = np.array([[50, 50, 60, 6, angle], [57, 43, 60, 6, angle], [50, 50, 60, 7, angle]])
    scores, classes = np.array([0.9, 0.8, 0.7], np.float32), np.zeros(3, np.int32)

    assert keep_angled(boxes, scores, classes, 0.5).tolist() == [True, True, False]
    assert keep_angled(boxes, scores, np.array([0, 0, 1], np.int32), 0.5).all()
    np.testing.assert_allclose(np.diag(similarity(boxes, boxes)), 1, atol=1e-3)


def test_many_angled_boxes_are_compared_in_blocks() -> None:
    rng = np.random.default_rng(0)
    boxes = np.column_stack(
        [rng.uniform(0, 400, (1500, 2)), rng.uniform(9, 40, (1500, 2)), rng.uniform(-1, 2, 1500)]
    )
    scores, classes = rng.uniform(0, 1, 1500).astype(np.float32), rng.integers(0, 2, 1500)

    kept = keep_angled(boxes, scores, classes.astype(np.int32), 0.3)

    similar = similarity(boxes, boxes) > 0.3
    better = (scores[:, None] > scores) & (classes[:, None] == classes)
    np.testing.assert_array_equal(kept, ~(similar & better).any(axis=0))
