import math

import numpy as np
import pytest
from numpy.typing import NDArray

from modules.object_detection.heads import YoloHead


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def darknet_boxes(
    raw: NDArray[np.float32], head: YoloHead, size: tuple[int, int], confidence: float
) -> list[tuple[float, ...]]:
    """Darknet's get_yolo_box and get_yolo_detections, cell by cell as yolo_layer.c has them."""
    _, _, height, width = raw.shape
    cells = raw.reshape(len(head.anchors), 5 + head.classes, height, width)
    found: list[tuple[float, ...]] = []
    for anchor, (anchor_width, anchor_height) in enumerate(head.anchors):
        for row in range(height):
            for column in range(width):
                tx, ty, tw, th, objectness, *classes = cells[anchor, :, row, column].tolist()
                shift = 0.5 * (head.scale_x_y - 1)
                x = (column + sigmoid(tx) * head.scale_x_y - shift) / width
                y = (row + sigmoid(ty) * head.scale_x_y - shift) / height
                w = math.exp(tw) * anchor_width / size[0]
                h = math.exp(th) * anchor_height / size[1]
                best = max(range(head.classes), key=lambda index: classes[index])
                score = sigmoid(objectness) * sigmoid(classes[best])
                if score > confidence:
                    found.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, best))
    return found


@pytest.mark.parametrize("scale_x_y", [1.0, 1.05, 2.0])
@pytest.mark.parametrize("confidence", [0.0, 0.25, 0.9])
def test_decoding_equals_darknets(scale_x_y: float, confidence: float) -> None:
    head = YoloHead(((10.0, 14.0), (23.0, 27.0)), classes=4, scale_x_y=scale_x_y)
    raw = np.random.default_rng(4).normal(0, 2, (1, 18, 5, 7)).astype(np.float32)

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
