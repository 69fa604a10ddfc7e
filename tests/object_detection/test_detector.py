import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from modules.object_detection.darknet import import_darknet
from modules.object_detection.detections import Detections
from modules.object_detection.detector import Detector
from modules.object_detection.nms import suppress
from tests.colour_model import CFG, picture, weights

REFERENCE = Path(__file__).parent / "reference"
YELLOW = [16, 40, 24, 48]


@pytest.fixture
def detector() -> Detector:
    return Detector(import_darknet(CFG, io.BytesIO(weights())))


def mosaic() -> NDArray[np.uint8]:
    """Makes a picture of 8 x 8 cells with random colours."""
    cells = np.random.default_rng(1).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    return cells.repeat(8, axis=0).repeat(8, axis=1)


def test_each_square_is_found_at_its_position(detector: Detector) -> None:
    found = detector.detect(picture(red=(2, 5), green=(6, 0), white=(4, 4)))

    assert sorted(zip(found.class_ids.tolist(), found.boxes.tolist(), strict=True)) == [
        (0, [16, 40, 24, 48]),
        (1, [48, 0, 56, 8]),
    ]
    assert (found.confidences > 0.99).all()


def test_boxes_are_in_pixels_of_an_image_of_any_size(detector: Detector) -> None:
    image = picture(red=(2, 5)).repeat(3, axis=0).repeat(10, axis=1)

    found = detector.detect(image)

    np.testing.assert_allclose(found.boxes, [[160, 120, 240, 144]], atol=1e-3)


@pytest.mark.parametrize("wide", [True, False])
def test_a_letterboxed_image_keeps_its_proportions(wide: bool) -> None:
    detector = Detector(import_darknet(CFG, io.BytesIO(weights())), letterbox=True)
    square = picture(red=(2, 5))
    black = np.zeros_like(square)
    image = np.concatenate([square, black], axis=1 if wide else 0)
    # The image is halved to fit, so a square of one cell must be 2 x 2 cells large in it
    image[32:48, 16:32] = (0, 0, 255)

    found = detector.detect(image)

    np.testing.assert_allclose(found.boxes, [[16, 32, 32, 48]], atol=1e-3)


def test_only_the_requested_classes_are_found(detector: Detector) -> None:
    found = detector.detect(picture(red=(2, 5), green=(6, 0)), class_ids=[1])

    assert found.class_ids.tolist() == [1]


def test_a_box_has_its_most_probable_class_or_every_class_above_the_confidence(
    detector: Detector,
) -> None:
    image = picture(yellow=(2, 5), green=(6, 0))

    one = detector.detect(image, confidence=0.3)
    every = detector.detect(image, confidence=0.3, multi_label=True)
    most = detector.detect(image, confidence=0.5, multi_label=True)

    assert (one.class_ids.tolist(), one.boxes.tolist()) == ([1, 0], [[48, 0, 56, 8], YELLOW])
    assert every.class_ids.tolist() == [1, 0, 1]
    assert every.boxes.tolist() == [[48, 0, 56, 8], YELLOW, YELLOW]
    np.testing.assert_allclose(every.confidences, [1, 0.5968, 0.4032], atol=1e-3)
    assert most.class_ids.tolist() == [1, 0]


def test_of_every_class_only_the_requested_ones_are_returned(detector: Detector) -> None:
    """Without `multi_label` the box is dropped, because its most probable class is another."""
    image = picture(yellow=(2, 5))

    every = detector.detect(image, confidence=0.3, multi_label=True, class_ids=[1])

    assert (every.class_ids.tolist(), every.boxes.tolist()) == ([1], [YELLOW])
    assert len(detector.detect(image, confidence=0.3, class_ids=[1])) == 0


def test_an_image_without_objects_gives_empty_arrays(detector: Detector) -> None:
    found = detector.detect(picture())

    assert len(found) == 0
    assert found.boxes.shape == (0, 4)


def test_the_same_image_gives_identical_detections(detector: Detector) -> None:
    image = mosaic()

    first, second = (detector.detect(image, confidence=0.01) for _ in range(2))

    assert len(first) > 9
    assert first.boxes.tobytes() == second.boxes.tobytes()
    assert first.confidences.tobytes() == second.confidences.tobytes()


def test_both_engines_give_the_same_detections() -> None:
    network = import_darknet(CFG, io.BytesIO(weights()))
    image = mosaic()

    found, other = (
        Detector(network, engine=engine).detect(image, confidence=0.01)
        for engine in ("opencv", "onnxruntime")
    )

    assert len(found) > 9
    np.testing.assert_allclose(found.boxes, other.boxes, atol=1e-3)
    np.testing.assert_allclose(found.confidences, other.confidences, atol=1e-4)


def suppressed(rows: list[tuple[int, float, list[float]]], nms: float | None = 0.4) -> Detections:
    return suppress(
        np.array([row[2] for row in rows], np.float64).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[0] for row in rows], np.int32),
        nms=nms,
        image_size=(100, 50),
    )


def test_suppression_of_no_boxes() -> None:
    assert len(suppressed([])) == 0


def test_suppression_keeps_the_best_of_overlapping_boxes_of_each_class() -> None:
    box, near, far = [0.0, 0, 10, 10], [1.0, 0, 11, 10], [20.0, 0, 30, 10]

    found = suppressed([(0, 0.6, near), (0, 0.9, box), (1, 0.7, near), (0, 0.5, far)])

    assert found.class_ids.tolist() == [0, 1, 0]
    np.testing.assert_allclose(found.confidences, [0.9, 0.7, 0.5])
    np.testing.assert_allclose(found.boxes, [box, near, far])


def test_suppression_of_many_boxes_of_many_classes_equals_that_of_each_class_alone() -> None:
    rng = np.random.default_rng(3)
    corners, sides = rng.uniform(0, (60, 25), (20_000, 2)), rng.uniform(1, 20, (20_000, 2))
    boxes = np.concatenate([corners, corners + sides], axis=1)
    confidences = rng.uniform(0, 1, 20_000).astype(np.float32)
    class_ids = rng.integers(0, 80, 20_000).astype(np.int32)

    found = suppress(boxes, confidences, class_ids, nms=0.4, image_size=(100, 50))

    for class_id in (0, 41, 79):
        of_class = class_ids == class_id
        alone = suppress(
            boxes[of_class], confidences[of_class], class_ids[of_class],
            nms=0.4, image_size=(100, 50),
        )  # fmt: skip
        np.testing.assert_array_equal(found.boxes[found.class_ids == class_id], alone.boxes)
        pairs = itertools.combinations(alone.boxes, 2)
        assert max(overlap(first, second) for first, second in pairs) <= 0.4 + 1e-6
        assert len(alone) < 0.8 * of_class.sum()


def test_boxes_that_the_network_has_suppressed_are_not_suppressed_again() -> None:
    box, near = [0.0, 0, 10, 10], [1.0, 0, 11, 10]

    found = suppressed([(0, 0.6, near), (0, 0.9, box)], nms=None)

    assert found.boxes.tolist() == [box, near]


def test_boxes_are_clipped_to_the_image_and_dropped_outside_it() -> None:
    found = suppressed([(0, 0.9, [-5, -5, 200, 200]), (1, 0.8, [101, 0, 120, 20])])

    assert found.boxes.tolist() == [[0, 0, 100, 50]]


def overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Returns the intersection over union of two boxes, `(4,)` xyxy."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = float(np.prod(sides.clip(0)))
    return shared / float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)


def count_unmatched(found: Detections, reference: list[list[float]]) -> int:
    """Counts the detections in `found` and in `reference` that have no match in the other."""
    left = list(range(len(found)))
    unmatched = 0
    for class_id, confidence, *box in reference:
        matches = [
            index
            for index in left
            if found.class_ids[index] == class_id
            and abs(found.confidences[index] - confidence) <= 0.002
            and overlap(found.boxes[index], np.array(box, np.float32)) >= 0.99
        ]
        if matches:
            left.remove(matches[0])
        else:
            unmatched += 1
    return unmatched + len(left)


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("name", ["yolo-fastest-1.1", "yolo-fastest-1.1-xl"])
def test_parity_with_opencv_4_on_real_photos(
    name: str, multi_label: bool, shared: Callable[[str], Path]
) -> None:
    """Compares with the reference that `make reference` recorded: benchmarks/opencv4_reference.py,
    run with OpenCV 4.14 and its Darknet importer. Suppression may decide near-ties differently, so
    3 detections in a thousand may differ.
    """  # fmt: skip
    file = REFERENCE / f"{name}{'-multi-label' if multi_label else ''}.json"
    recorded: dict[str, Any] = json.loads(file.read_text())
    assert recorded["multi_label"] == multi_label
    folder = shared(f"models/{name}")
    with (folder / f"{name}.weights").open("rb") as stream:
        network = import_darknet((folder / f"{name}.cfg").read_text(), stream)
    detector = Detector(network)
    total = unmatched = 0

    for file_name, expected in recorded["images"].items():
        # OpenCV's pixels, as in the reference: `decode_image` also converts colour profiles
        data = np.fromfile(shared(f"coco128/images/{file_name}"), np.uint8)
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert pixels is not None
        found = detector.detect(
            pixels,
            confidence=recorded["confidence"],
            nms=recorded["nms"],
            multi_label=multi_label,
        )
        total += len(expected["detections"])
        unmatched += count_unmatched(found, expected["detections"])

    assert len(recorded["images"]) == 128
    assert total > 400
    assert unmatched <= 0.003 * total
