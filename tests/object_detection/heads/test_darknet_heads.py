import math

import numpy as np
import pytest
from numpy.typing import NDArray

from modules.object_detection.darknet.tree import parse_tree
from modules.object_detection.heads.candidates import Candidates
from modules.object_detection.heads.darknet_gaussian_yolo import GaussianYoloHead
from modules.object_detection.heads.darknet_region import RegionHead
from modules.object_detection.heads.darknet_yolo import YoloHead


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def assert_equal(found: Candidates, expected: list[tuple[float, ...]]) -> None:
    """`expected` has rows of x0, y0, x1, y1, confidence and class; there must be at least one."""
    assert len(found.confidences) == len(expected) > 0
    rows = np.column_stack([found.boxes, found.confidences, found.class_ids])
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-6)


def darknet_boxes(
    raw: NDArray[np.float32],
    head: YoloHead | RegionHead,
    size: tuple[int, int],
    confidence: float,
    *,
    multi_label: bool = False,
) -> list[tuple[float, ...]]:
    """Computes Darknet's get_yolo_detections and get_region_detections, cell by cell like its C
    code, which has `multi_label`; without it, the most probable class of each box.
    """  # fmt: skip
    _, _, height, width = raw.shape
    cells = raw.reshape(len(head.anchors), 5 + head.classes, height, width)
    found: list[tuple[float, ...]] = []
    for anchor, (anchor_width, anchor_height) in enumerate(head.anchors):
        for row in range(height):
            for column in range(width):
                x, y, w, h, objectness, *scores = cells[anchor, :, row, column].tolist()
                classes = range(head.classes)
                if isinstance(head, RegionHead):
                    x, y, objectness = sigmoid(x), sigmoid(y), sigmoid(objectness)
                    w, h = math.exp(w) * anchor_width / width, math.exp(h) * anchor_height / height
                    scores = [math.exp(score) / sum(map(math.exp, scores)) for score in scores]
                elif head.new_coords:
                    w = w * w * 4 * anchor_width / size[0]
                    h = h * h * 4 * anchor_height / size[1]
                else:
                    x, y, objectness = sigmoid(x), sigmoid(y), sigmoid(objectness)
                    w = math.exp(w) * anchor_width / size[0]
                    h = math.exp(h) * anchor_height / size[1]
                    scores = [sigmoid(score) for score in scores]
                scale = getattr(head, "scale_x_y", 1.0)
                x = (column + x * scale - 0.5 * (scale - 1)) / width
                y = (row + y * scale - 0.5 * (scale - 1)) / height
                box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
                best = max(classes, key=lambda index: scores[index])
                found.extend(
                    (*box, objectness * scores[index], index)
                    for index in (classes if multi_label else [best])
                    if objectness * scores[index] > confidence
                )
    return found


ANCHORS = ((10.0, 14.0), (23.0, 27.0))


@pytest.mark.parametrize(
    "head",
    [
        YoloHead(ANCHORS, classes=4),
        YoloHead(ANCHORS, classes=4, scale_x_y=1.05),
        YoloHead(ANCHORS, classes=4, scale_x_y=2.0, new_coords=True),
        RegionHead(((1.3, 2.2), (4.0, 3.1)), classes=4),
    ],
)
@pytest.mark.parametrize("confidence", [0.0, 0.25, 0.7])
@pytest.mark.parametrize("multi_label", [False, True])
def test_yolo_and_region_boxes_equal_those_of_darknet(
    head: YoloHead | RegionHead, confidence: float, multi_label: bool
) -> None:
    raw = np.random.default_rng(4).normal(0, 2, (1, 18, 5, 7)).astype(np.float32)
    if isinstance(head, YoloHead) and head.new_coords:
        raw = (1 / (1 + np.exp(-raw))).astype(np.float32)  # the network's own last activation

    found = head.decode([raw], (224, 160), confidence, multi_label=multi_label)

    expected = darknet_boxes(raw, head, (224, 160), confidence, multi_label=multi_label)
    assert_equal(found, expected)


def test_without_boxes_above_the_confidence_the_arrays_are_empty() -> None:
    head = YoloHead(((10.0, 14.0),), classes=2)
    raw = np.full((1, 7, 3, 3), -9, np.float32)

    found = head.decode([raw], (96, 96), 0.25)

    assert found.boxes.shape == (0, 4)
    assert found.confidences.shape == found.class_ids.shape == (0,)


def test_no_box_is_above_a_confidence_of_one() -> None:
    head = YoloHead(((10.0, 14.0),), classes=2)

    assert len(head.decode([np.full((1, 7, 3, 3), 99, np.float32)], (96, 96), 1.0).confidences) == 0


def test_nan_is_never_a_detection() -> None:
    head = YoloHead(((10.0, 14.0),), classes=2)
    raw = np.full((1, 7, 3, 3), np.nan, np.float32)

    assert len(head.decode([raw], (96, 96), 0.0).confidences) == 0


def gaussian_boxes(
    raw: NDArray[np.float32],
    head: GaussianYoloHead,
    size: tuple[int, int],
    confidence: float,
    multi_label: bool,
) -> list[tuple[float, ...]]:
    """Computes forward_gaussian_yolo_layer and get_gaussian_yolo_detections, cell by cell."""
    _, _, height, width = raw.shape
    cells = raw.reshape(len(head.anchors), 9 + head.classes, height, width)
    found: list[tuple[float, ...]] = []
    for anchor, row, column in np.ndindex(len(head.anchors), height, width):
        entries = cells[anchor, :, row, column].tolist()
        for entry in (0, 1, 2, 3, 5, 7, *range(8, 9 + head.classes)):
            entries[entry] = sigmoid(entries[entry])
        for entry in (0, 2):
            entries[entry] = entries[entry] * head.scale_x_y - 0.5 * (head.scale_x_y - 1)
        x, y = (column + entries[0]) / width, (row + entries[2]) / height
        w = math.exp(entries[4]) * head.anchors[anchor][0] / size[0]
        h = math.exp(entries[6]) * head.anchors[anchor][1] / size[1]
        uncertainty = (entries[1] + entries[3] + entries[5] + entries[7]) / 4
        best = max(range(head.classes), key=lambda index: entries[9 + index])
        for index in range(head.classes) if multi_label else [best]:
            score = entries[8] * entries[9 + index] * (1 - uncertainty)
            if entries[8] > confidence and score > confidence:
                found.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, index))
    return found


@pytest.mark.parametrize("scale_x_y", [1.0, 1.2])
@pytest.mark.parametrize("confidence", [0.0, 0.2])
@pytest.mark.parametrize("multi_label", [False, True])
def test_gaussian_yolo_boxes_equal_those_of_darknet(
    scale_x_y: float, confidence: float, multi_label: bool
) -> None:
    head = GaussianYoloHead(ANCHORS, classes=3, scale_x_y=scale_x_y)
    raw = np.random.default_rng(5).normal(0, 2, (1, 24, 5, 7)).astype(np.float32)

    found = head.decode([raw], (224, 160), confidence, multi_label=multi_label)

    assert_equal(found, gaussian_boxes(raw, head, (224, 160), confidence, multi_label))


def test_with_a_tree_boxes_have_the_objectness_and_the_most_specific_probable_class() -> None:
    """As in get_region_detections: prob[hierarchy_top_prediction(...)] = objectness."""
    tree = parse_tree("animal -1\nvehicle -1\ncat 0\ndog 0\n")
    raw = np.zeros((1, 9, 1, 3), np.float32)
    raw[0, 4] = [[3, 2, -9]]
    raw[0, 5:, 0, 0] = [9, 0, 0, 9]
    raw[0, 5:, 0, 1] = [9, 0, 1, 1]
    plain = RegionHead(((1.0, 2.0),), classes=4)

    head = RegionHead(((1.0, 2.0),), classes=4, tree=tree)

    found = head.decode([raw], (96, 32), 0.5)

    assert found.class_ids.tolist() == [3, 0]
    np.testing.assert_allclose(found.confidences, [sigmoid(3), sigmoid(2)], rtol=1e-6)
    assert np.array_equal(found.boxes, plain.decode([raw], (96, 32), 0.0).boxes[:2])
    every = head.decode([raw], (96, 32), 0.5, multi_label=True)
    assert every.class_ids.tolist() == [3, 0]  # Darknet sets the one probability of such a box
