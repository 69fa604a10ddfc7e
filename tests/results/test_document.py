import json

import numpy as np
import pytest

from modules.errors import ImageError
from modules.object_detection.detections import Detections
from modules.results.document import (
    FailureRecord,
    Source,
    describe_detections,
    describe_failure,
    read_failure,
    to_json,
)


def test_no_detections_are_an_empty_list() -> None:
    none = Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))

    assert describe_detections(none, ()) == []


def test_a_box_inside_the_image_stays_inside_it_when_it_is_rounded() -> None:
    found = Detections(
        np.array([[0.006, 0, 63.996, 64]], np.float32),
        np.array([0.93214], np.float32),
        np.array([1], np.int32),
    )

    (described,) = describe_detections(found, ("red", "green"))

    assert described == {
        "class_id": 1,
        "label": "green",
        "confidence": 0.9321,
        "box": {"x": 0.01, "y": 0.0, "width": 63.99, "height": 64.0},
    }


def test_a_failure_is_read_back_from_its_document() -> None:
    document = describe_failure(Source("input/犬.png", "pictures"), 6, ImageError("an HTML page"))

    assert read_failure(to_json(document)) == FailureRecord(
        "input/犬.png", "ImageError", "an HTML page"
    )


@pytest.mark.parametrize("document", [7, [], {}, {"image": {"key": "a"}}, {"image": 1, "error": 2}])
def test_other_json_is_not_read_as_a_failure(document: object) -> None:
    assert read_failure(json.dumps(document).encode()) is None


@pytest.mark.parametrize("data", [b"", b"<html>", b"\xff"])
def test_other_bytes_are_not_read_as_a_failure(data: bytes) -> None:
    assert read_failure(data) is None
