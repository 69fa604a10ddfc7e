"""Answers of the function URL: documents, annotated pictures, and a problem for each mistake."""

import base64
import json
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.function import http_answer
from modules.function.accept import chooses_picture
from modules.function.http_answer import HttpAnswerer
from modules.storage.errors import S3Error
from tests.colour_model import picture
from tests.events.golden import load
from tests.function.local_function import LocalFunction
from tests.function.test_application import document, drop, keys, serve

MODEL = f"s3://{BUCKET}/models/colours/"
PNG = bytes(cv2.imencode(".png", picture(red=(2, 5)))[1])


def post(body: bytes, query: str = "", *, method: str = "POST", **headers: str) -> Any:
    """Returns the event of a request; a body of a text's media type is not in base64."""
    event = load("url-post-picture")
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    is_text = names.get("content-type", "").startswith(("text/", "application/json"))
    event["headers"] = {"content-type": "application/octet-stream", **names}
    event["rawQueryString"] = query
    event["requestContext"]["http"]["method"] = method
    event["isBase64Encoded"] = not is_text
    event["body"] = body.decode(errors="replace") if is_text else base64.b64encode(body).decode()
    return event


def place(key: str, bucket: str = BUCKET) -> bytes:
    return json.dumps({"bucket": bucket, "key": key}).encode()


def problem(answer: Any) -> Any:
    """Returns the problem in an answer, after a check of its form."""
    assert answer["headers"]["content-type"] == "application/problem+json"
    found = json.loads(answer["body"])
    assert set(found) == {"type", "title", "status", "detail"}
    assert found["status"] == answer["statusCode"]
    return found


@pytest.fixture
def function(make_function: Callable[..., LocalFunction]) -> LocalFunction:
    """A function that names the model's bucket, as a deployment with a URL does."""
    return make_function(model=MODEL)


def test_a_posted_picture_is_answered_with_its_document_and_nothing_is_stored(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    answer = function.handle(post(PNG))

    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert answer["headers"] == {"content-type": "application/json", "cache-control": "no-store"}
    found = json.loads(answer["body"])
    assert found["image"] == {
        "bucket": None,
        "key": None,
        "etag": None,
        "version_id": None,
        "width": 64,
        "height": 64,
        "bytes": len(PNG),
    }
    assert found["annotated"] is None
    assert [item["label"] for item in found["detections"]] == ["red"]
    assert keys(bucket) == set()


def test_the_document_is_that_of_the_bucket_but_for_its_place(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    drop(bucket, "input/a.png", PNG)
    serve(bucket, function)
    stored = document(bucket, "output/a.png.json")

    posted = json.loads(function.handle(post(PNG, "name=input/a.png"))["body"])
    named = json.loads(function.handle(post(place("input/a.png")))["body"])

    for found in (posted, named):
        for part in ("schema", "model", "settings", "detections"):
            assert found[part] == stored[part]
    assert named["image"] == stored["image"]
    assert posted["image"]["key"] == "input/a.png"


def test_the_annotated_picture_is_the_one_that_the_bucket_would_have(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    drop(bucket, "input/a.png", PNG)
    serve(bucket, function)
    stored = bucket.client.get_object(Bucket=BUCKET, Key="output/a.png")["Body"].read()

    answer = function.handle(post(PNG, accept="image/*"))

    assert answer["headers"]["content-type"] == "image/png"
    assert answer["isBase64Encoded"]
    assert base64.b64decode(answer["body"]) == stored


def test_parameters_change_the_settings_of_one_request(function: LocalFunction) -> None:
    data = bytes(cv2.imencode(".png", picture(yellow=(2, 5), red=(6, 0)))[1])

    def labels(query: str) -> list[str]:
        found = json.loads(function.handle(post(data, query))["body"])
        return sorted(item["label"] for item in found["detections"])

    before = labels("confidence=0.3")
    assert before == ["red", "red"]
    assert labels("confidence=0.3&multi_label=1") == ["green", "red", "red"]
    assert labels("confidence=0.3&multi_label=1&classes=green") == ["green"]
    assert labels("confidence=0.3") == before
    settings = json.loads(function.handle(post(data, "confidence=0.25&nms=1"))["body"])["settings"]
    assert settings == {"confidence": 0.25, "nms": 1.0}


@pytest.mark.parametrize(
    ("event", "status", "detail"),
    [
        (post(PNG, "confidence=2"), 400, "confidence=2.0 cannot work: it must be a number from"),
        (post(PNG, "confidence=nan"), 400, "confidence=nan cannot work"),
        (post(PNG, "nms=high"), 400, "nms=high cannot work: it must be a number"),
        (post(PNG, "multi_label=yes"), 400, "multi_label=yes cannot work: it must be 1 or 0"),
        (post(PNG, "classes=dog"), 400, "classes names 'dog', which the model does not have; its"),
        (post(PNG, "engine=opencv"), 400, "engine is no parameter; the parameters are confidence,"),
        (post(PNG, "nms=1&nms=1"), 400, "the parameter nms is there twice"),
        (post(PNG, "name="), 400, "name must have 1 to 1024 bytes"),
        (post(b""), 400, "the body is empty; it must be a picture, or"),
        (post(b"{}"), 400, "the body is neither a picture nor"),
        (post(b"[1]", content_type="application/json"), 400, "the body is neither a picture nor"),
        (post(place("input/a.png", "No_Bucket")), 400, "with names as in S3"),
        (post(place("input/" + "a" * 1024)), 400, "with names as in S3"),
        (post(b'{"bucket": "pictures", "key": "input/\\ud800"}'), 400, "with names as in S3"),
        (post(place("input/a.png"), "name=b"), 400, "name is for pictures in the body"),
        (post(place("models/colours/a.cfg")), 403, "models/colours/a.cfg is not under input/"),
        (post(place("input/no.png")), 404, f"there is no object s3://{BUCKET}/input/no.png"),
        (post(place("input/a.png", "no-such-bucket")), 404, "no bucket no-such-bucket"),
        ({**post(PNG), "rawPath": "/favicon.ico"}, 404, "there is no /favicon.ico"),
        (post(b"", method="GET"), 405, "GET has no answer; POST a picture"),
        (post(PNG, accept="text/html"), 406, "allows neither application/json, the document, nor"),
        (post(PNG, accept="image/webp"), 406, "nor image/png, the annotated picture"),
        (post(b"<html>"), 415, "an HTML page, not a supported image; images must be one of JPEG"),
        (post(PNG, content_type="text/plain"), 415, "as a text, which breaks pictures"),
        (post(PNG, content_type="multipart/form-data; boundary=a"), 415, "forms are not read"),
        (post(PNG, content_encoding="gzip"), 415, "Content-Encoding: gzip is not decoded"),
        (post(PNG[: len(PNG) // 2]), 422, "PNG"),
    ],
)
def test_each_mistake_has_its_status_and_says_what_would_be_right(
    event: Any, status: int, detail: str, function: LocalFunction
) -> None:
    found = problem(function.handle(event))

    assert found["status"] == status
    assert detail in found["detail"]


def test_405_names_the_method_that_is_allowed(function: LocalFunction) -> None:
    assert function.handle(post(b"", method="PUT"))["headers"]["allow"] == "POST"


def test_an_empty_object_is_a_broken_picture(bucket: LocalBucket, function: LocalFunction) -> None:
    drop(bucket, "input/empty.png", b"")

    found = problem(function.handle(post(place("input/empty.png"))))

    assert (found["status"], found["detail"]) == (422, "the file is empty")


def test_too_many_bytes_and_pixels_are_refused(
    bucket: LocalBucket, make_function: Callable[..., LocalFunction]
) -> None:
    function = make_function(model=MODEL, max_image_bytes=10)
    drop(bucket, "input/a.png", PNG)

    for body in (PNG, place("input/a.png")):
        found = problem(function.handle(post(body)))
        assert found["status"] == 413
        assert f"{len(PNG)} bytes are too many; at most 10 are allowed" in found["detail"]
    narrow = make_function(model=MODEL, max_image_pixels=64)
    assert "64 x 64 pixels are too many" in problem(narrow.handle(post(PNG)))["detail"]


def test_a_picture_that_is_too_large_for_lambda_comes_back_through_the_bucket(
    function: LocalFunction, bucket: LocalBucket
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1300, 1300, 3), np.uint8)
    data = bytes(cv2.imencode(".png", noise)[1])
    drop(bucket, "input/large.png", data)

    found = problem(function.handle(post(place("input/large.png"), accept="image/*")))
    answer = function.handle(post(place("input/large.png")))

    assert found["status"] == 413
    assert (
        "Lambda allows 6,291,456: put the picture into the bucket, under input/"
        in (found["detail"])
    )
    assert answer["statusCode"] == 200


def test_the_size_of_an_answer_is_that_of_its_json(
    function: LocalFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(json.dumps(function.handle(post(PNG, accept="image/*"))))

    monkeypatch.setattr(http_answer, "_MAX_ANSWER_BYTES", size)
    assert function.handle(post(PNG, accept="image/*"))["statusCode"] == 200
    monkeypatch.setattr(http_answer, "_MAX_ANSWER_BYTES", size - 1)
    assert function.handle(post(PNG, accept="image/*"))["statusCode"] == 413


def test_without_a_usable_model_the_answer_is_503(
    bucket: LocalBucket, make_function: Callable[..., LocalFunction]
) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key="models/colours/colours.cfg", Body=b"[nonsense]")

    answer = make_function(model=MODEL).handle(post(PNG))

    assert problem(answer)["status"] == 503
    assert "models/colours/" in problem(answer)["detail"]
    assert answer["headers"]["retry-after"] == "60"


def test_a_posted_picture_needs_a_model_with_its_bucket(
    make_function: Callable[..., LocalFunction],
) -> None:
    found = problem(make_function().handle(post(PNG)))

    assert found["status"] == 503
    assert "it must be s3://BUCKET/PREFIX/" in found["detail"]


def test_what_the_role_may_not_read_is_forbidden_and_other_failures_are_503(
    function: LocalFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    function.handle(post(PNG))
    monkeypatch.setattr("modules.storage.function_client._pause", lambda attempt: None)
    answers = []
    for refusal in (S3Error("AccessDenied", "no", 403), S3Error("SlowDown", "no", 503)):

        def fail(operation: str, _: object, refusal: S3Error = refusal) -> None:
            if operation == "GetObject":
                raise refusal

        function.client.before = [fail]
        answers.append(function.handle(post(place("input/a.png"))))
    denied, slow = answers

    assert problem(denied)["status"] == 403
    assert f"the function may not read s3://{BUCKET}/input/a.png" in problem(denied)["detail"]
    assert problem(slow)["status"] == 503
    assert slow["headers"]["retry-after"] == "5"


def test_a_defect_is_answered_with_500_and_without_details(
    function: LocalFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(http_answer, "process", defect)
    found = problem(function.handle(post(PNG)))

    assert found["status"] == 500
    assert found["detail"].startswith("an unexpected ZeroDivisionError; the function's log")


def test_any_request_is_answered(function: LocalFunction) -> None:
    handler = function.application._handler
    answerer = HttpAnswerer(
        handler._settings, handler._models, handler._bucket, handler._publisher.compute_lock
    )

    @examples(max_examples=150)
    @given(
        st.binary(max_size=60) | st.binary(max_size=20).map(lambda tail: PNG[:60] + tail),
        st.text(max_size=20) | st.sampled_from(["confidence=1e400", "nms=-1", "classes=%ff"]),
        st.dictionaries(
            st.sampled_from(["accept", "content-type", "content-encoding"]), st.text(max_size=20)
        ),
    )
    def check(body: bytes, query: str, headers: dict[str, str]) -> None:
        event = post(body, query)
        event["headers"] = headers
        answer = answerer.answer(event)
        assert 400 <= answer["statusCode"] < 500
        assert json.dumps(answer).encode()
        assert problem(answer)["detail"]

    check()


@pytest.mark.parametrize(
    ("accept", "is_picture"),
    [
        ("*/*", False),
        ("application/json", False),
        ("image/*", True),
        ("image/png", True),
        ("text/html, image/avif, image/*;q=0.8, */*;q=0.5", True),
        ("application/json;q=0.9, image/*;q=0.9", False),
        ("image/png;q=0, */*", False),
        ("application/*;q=0, */*", True),
        ("IMAGE/PNG ; q=0.5", True),
    ],
)
def test_accept_chooses_between_document_and_picture(accept: str, is_picture: bool) -> None:
    assert chooses_picture(accept, "image/png") is is_picture
