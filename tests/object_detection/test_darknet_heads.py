import math

import numpy as np
import pytest
from numpy.typing import NDArray

from modules.object_detection.darknet_heads import RegionHead, YoloHead


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def darknet_boxes(
    raw: NDArray[np.float32],
    head: YoloHead | RegionHead,
    size: tuple[int, int],
    confidence: float,
) -> list[tuple[float, ...]]:
    """Darknet's get_yolo_box and get_region_box, cell by cell as its C has them."""
    _, _, height, width = raw.shape
    cells = raw.reshape(len(head.anchors), 5 + head.classes, height, width)
    found: list[tuple[float, ...]] = []
    for anchor, (anchor_width, anchor_height) in enumerate(head.anchors):
        for row in range(height):
            for column in range(width):
                x, y, w, h, objectness, *scores = cells[anchor, :, row, column].tolist()
                best = max(range(head.classes), key=lambda index: scores[index])
                if isinstance(head, RegionHead):
                    x, y, objectness = sigmoid(x), sigmoid(y), sigmoid(objectness)
                    w, h = math.exp(w) * anchor_width / width, math.exp(h) * anchor_height / height
                    score = math.exp(scores[best]) / sum(map(math.exp, scores))
                elif head.new_coords:
                    w = w * w * 4 * anchor_width / size[0]
                    h = h * h * 4 * anchor_height / size[1]
                    score = scores[best]
                else:
                    x, y, objectness = sigmoid(x), sigmoid(y), sigmoid(objectness)
                    w = math.exp(w) * anchor_width / size[0]
                    h = math.exp(h) * anchor_height / size[1]
                    score = sigmoid(scores[best])
                scale = getattr(head, "scale_x_y", 1.0)
                x = (column + x * scale - 0.5 * (scale - 1)) / width
                y = (row + y * scale - 0.5 * (scale - 1)) / height
                if objectness * score > confidence:
                    box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
                    found.append((*box, objectness * score, best))
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
def test_decoding_equals_darknets(head: YoloHead | RegionHead, confidence: float) -> None:
    raw = np.random.default_rng(4).normal(0, 2, (1, 18, 5, 7)).astype(np.float32)
    if isinstance(head, YoloHead) and head.new_coords:
        raw = (1 / (1 + np.exp(-raw))).astype(np.float32)  # the network's own last activation

    found = head.decode(raw, (224, 160), confidence)

    expected = darknet_boxes(raw, head, (224, 160), confidence)
    assert len(found.confidences) == len(expected) > 0
    got = np.column_stack([found.boxes, found.confidences, found.class_ids])
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_nothing_above_the_confidence_gives_empty_arrays() -> None:
    head = YoloHead(((10.0, 14.0),), classes=2)
    raw = np.full((1, 7, 3, 3), -9, np.float32)

    found = head.decode(raw, (96, 96), 0.25)

    assert found.boxes.shape == (0, 4)
    assert found.confidences.shape == found.class_ids.shape == (0,)


def test_nothing_exceeds_a_confidence_of_one() -> None:
    head = YoloHead(((10.0, 14.0),), classes=2)

    assert len(head.decode(np.full((1, 7, 3, 3), 99, np.float32), (96, 96), 1.0).confidences) == 0


def test_numbers_that_are_none_are_never_detections() -> None:
    head = YoloHead(((10.0, 14.0),), classes=2)
    raw = np.full((1, 7, 3, 3), np.nan, np.float32)

    assert len(head.decode(raw, (96, 96), 0.0).confidences) == 0
