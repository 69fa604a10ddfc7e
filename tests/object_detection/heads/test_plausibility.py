"""Values that no detection can have are errors on every image, for every head."""

from __future__ import annotations

import io
from typing import cast
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.typing import NDArray

from modules.errors import ModelError
from modules.object_detection.darknet import import_darknet
from modules.object_detection.detections import Detections
from modules.object_detection.detector import Detector
from modules.object_detection.engines.engine import Engine
from modules.object_detection.heads.candidates import Candidates
from modules.object_detection.heads.classes import ClassHead
from modules.object_detection.heads.end_to_end import EndToEndHead
from modules.object_detection.heads.head import Head
from modules.object_detection.heads.objectness import ObjectnessHead
from modules.object_detection.heads.plausibility import require_plausible
from modules.object_detection.network import Network
from modules.object_detection.preprocessing import Preprocessing
from tests.colour_model import CFG, weights

SIZE = (96, 64)
GOOD = [10, 20, 30, 40, 0.9, 1]


def fixed_output(output: NDArray[np.float32]) -> Engine:
    """Makes an engine that returns the same output for every image."""
    engine = Mock(outputs=("output0",))
    engine.forward.return_value = [output]
    return cast(Engine, engine)


def detect(head: Head, output: object, confidence: float = 0.5) -> Detections:
    network = Network(np.zeros(0, np.uint8), SIZE, ("output0",), head, Preprocessing())
    engine = fixed_output(np.asarray(output, np.float32))
    image = np.zeros((64, 96, 3), np.uint8)
    return Detector(network, engine=engine).detect(image, confidence=confidence)


def assert_refused(head: Head, output: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        detect(head, output)


def listed(*rows: list[float]) -> NDArray[np.float32]:
    return np.array([rows], np.float32)


def end_to_end() -> EndToEndHead:
    return EndToEndHead(3, ("x1", "y1", "x2", "y2", "score", "class"))


def test_plausible_rows_are_found() -> None:
    found = detect(end_to_end(), listed(GOOD, [-20, 0, 50, 100, 1.0005, 2]))

    assert sorted(found.class_ids.tolist()) == [1, 2]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([10, 20, 30, 40, 2.0, 1], "a score of 2, not 0 to 1"),
        ([10, 20, 30, 40, np.inf, 1], "a score of inf, not 0 to 1"),
        ([10, 20, 30, 40, 0.9, 3], "class 3, counted from 0; there are names for 3"),
        ([10, 20, 30, 40, 0.9, -1], "class -1, counted from 0; there are names for 3"),
        ([10, 20, 30, 40, 0.9, 0.7], "class 0.7, not a whole number; .*`columns`"),
        ([10, 20, 30, 40, 0.9, 1e30], "class 1e\\+30"),
        ([30, 20, 10, 40, 0.9, 1], r"at \[30, 20, 10, 40\] .* its corners are out of order"),
        ([10, 40, 30, 20, 0.9, 1], "its corners are out of order"),
        ([910, 20, 930, 40, 0.9, 1], "or it is far outside"),
        ([10, 20, np.inf, 40, 0.9, 1], "at .*inf.* or it is far outside"),
        ([0.1, 0.2, 0.3, 0.4, 0.9, 1], "are not in pixels of the input"),
    ],
)
def test_an_impossible_object_is_an_error_that_names_it(row: list[float], message: str) -> None:
    output = listed(row) if "not in pixels" in message else listed(GOOD, row)

    assert_refused(end_to_end(), output, message)


def test_objects_up_to_the_confidence_are_not_checked() -> None:
    assert len(detect(end_to_end(), listed(GOOD, [30, 20, 10, 40, 0.5, 7]))) == 1


def test_nan_is_an_error_although_it_is_below_every_confidence() -> None:
    assert_refused(end_to_end(), listed(GOOD, [0, 0, 0, 0, np.nan, 0]), "its output output0 holds")


def test_the_error_names_the_head_that_decoded_the_outputs() -> None:
    row = [10, 20, 30, 40, 2.0, 1]

    assert_refused(end_to_end(), listed(row), "decoded as 'end-to-end': .*`head` in model.json")


def test_scores_of_grids_are_checked() -> None:
    row = [20, 30, 10, 10, 1.5, 0.6, 0.1, 0.2]

    assert_refused(ObjectnessHead(3), listed(row), "a score of 1.5, not 0 to 1")
    assert_refused(ObjectnessHead(2), listed([20, 30, 10, 10, 0.9, 0.8, -3]), "a score of -3")
    columns = np.array(row[:4] + row[4:7]).reshape(1, 7, 1)
    assert_refused(ClassHead(3), columns, "a score of 1.5, not 0 to 1")


def test_boxes_of_darknets_heads_are_checked() -> None:
    network = import_darknet(CFG, io.BytesIO(weights()))
    raw = np.full((1, 7, 8, 8), -9, np.float32)
    raw[0, 2, 0, 0], raw[0, 4:6, 0, 0] = 200, 9
    detector = Detector(network, engine=fixed_output(raw))

    with pytest.raises(ModelError, match=r"an object at \[-inf, .*decoded as 'yolo'"):
        detector.detect(np.zeros((64, 64, 3), np.uint8))


def test_no_candidates_are_plausible() -> None:
    nothing = Candidates(
        np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32)
    )

    require_plausible(nothing, ClassHead(3), SIZE)
