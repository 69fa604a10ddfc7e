"""SLICE in the function: what is found, the document, the digest, and the time that is left."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import cv2

from modules.cli.local_aws.bucket import LocalBucket
from tests.colour_model import SIZE, large_picture, picture
from tests.function.local_function import LocalFunction
from tests.function.test_application import document, drop
from tests.function.test_http_answer import MODEL, post, problem

MakeFunction = Callable[..., LocalFunction]

LARGE = bytes(cv2.imencode(".png", large_picture(red=(20, 13)))[1])
SMALL = bytes(cv2.imencode(".png", picture(red=(2, 5)))[1])


@dataclass
class Context:
    """Lambda's context of an invocation in which so much time is always left."""

    milliseconds: float
    aws_request_id: str = "request"
    function_name: str = "detect"
    function_version: str = "1"
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:detect"
    memory_limit_in_mb: int = 1769

    def get_remaining_time_in_millis(self) -> float:
        """Returns the same at any time."""
        return self.milliseconds


def test_slices_find_what_the_whole_image_hides_and_the_document_names_them(
    bucket: LocalBucket, make_function: MakeFunction
) -> None:
    drop(bucket, "input/a.png", LARGE)
    events = list(bucket.events())
    plain, sliced = make_function(), make_function(slice_side=SIZE, slice_overlap=0.25)

    first = [plain.handle(event) for event in events][-1]
    before = document(bucket, "output/a.png.json")
    second = [sliced.handle(event) for event in events][-1]
    after = document(bucket, "output/a.png.json")
    third = [sliced.handle(event) for event in events][-1]

    assert first["done"] == second["done"] == third["skipped"] == ["input/a.png"]
    assert before["settings"] == {"confidence": 0.5, "nms": 0.4}
    assert before["detections"] == []
    assert after["settings"] == {**before["settings"], "slice": 64, "slice_overlap": 0.25}
    (found,) = after["detections"]
    assert found["label"] == "red"
    assert found["box"] == {"x": 160, "y": 102, "width": 8, "height": 6}  # of a slice of 64 x 48


def test_an_image_no_larger_than_a_slice_has_the_document_that_it_has_without_slices(
    bucket: LocalBucket, make_function: MakeFunction
) -> None:
    documents = []
    drop(bucket, "input/a.png", SMALL)
    events = list(bucket.events())
    for function in (make_function(), make_function(slice_side=SIZE)):
        for event in events:
            function.handle(event)
        documents.append(document(bucket, "output/a.png.json"))

    plain, sliced = documents
    assert sliced["settings"].pop("slice") == SIZE
    assert sliced["settings"].pop("slice_overlap") == 0.3
    for each in documents:
        del each["timings_ms"]
    assert plain == sliced


def test_slices_that_cannot_end_in_time_are_recorded_as_a_failure_with_the_figures(
    bucket: LocalBucket, make_function: MakeFunction
) -> None:
    drop(bucket, "input/a.png", LARGE)
    drop(bucket, "input/b.png", SMALL)
    function = make_function(slice_side=SIZE)

    answers = [function.handle(event, Context(1.0)) for event in bucket.events()]

    assert [key for answer in answers for key in answer["failed"]] == ["input/a.png"]
    assert [key for answer in answers for key in answer["done"]] == ["input/b.png"]
    error = document(bucket, "failed/a.png.json")["error"]
    assert (error["kind"], error["type"]) == ("permanent", "ImageError")
    assert "256 x 256 pixels have 48 slices with SLICE=64; " in error["message"]
    assert "there are 0 s for them" in error["message"]
    assert "a longer time-out or more memory is right" in error["message"]


def test_requests_may_ask_for_slices_and_are_refused_without_time(
    bucket: LocalBucket, make_function: MakeFunction
) -> None:
    function = make_function(model=MODEL)

    plain = json.loads(function.handle(post(LARGE))["body"])
    sliced = json.loads(function.handle(post(LARGE, "slice=64&slice_overlap=0.25"))["body"])
    late = function.handle(post(LARGE, "slice=64"), Context(1.0))
    wrong = function.handle(post(LARGE, "slice=0"))

    assert (len(plain["detections"]), len(sliced["detections"])) == (0, 1)
    assert sliced["settings"]["slice"] == 64
    assert problem(late)["status"] == 422
    assert "48 slices" in problem(late)["detail"]
    assert problem(wrong)["detail"] == (
        "slice=0 cannot work: it must be a whole number of pixels from 64 to 65535, like 640, or "
        "nothing"
    )
