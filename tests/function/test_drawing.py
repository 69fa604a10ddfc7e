"""DRAW in the function: what is published, and what happens to what was published before."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import ImageError
from modules.results import pipeline
from tests.colour_model import gif, picture
from tests.function.local_function import LocalFunction
from tests.function.test_application import document, drop
from tests.function.test_application import keys as all_keys
from tests.function.test_http_answer import MODEL, place, post, problem
from tests.function.test_publisher import is_complete, upload

MakeFunction = Callable[..., LocalFunction]

RED = bytes(cv2.imencode(".png", picture(red=(2, 5)))[1])
GREEN = bytes(cv2.imencode(".png", picture(green=(6, 1)))[1])
DOCUMENT = "output/a.png.json"


def keys(bucket: LocalBucket) -> set[str]:
    return {key for key in all_keys(bucket) if not key.startswith("input/")}


def metadata(bucket: LocalBucket, key: str) -> dict[str, str]:
    found: dict[str, str] = bucket.client.head_object(Bucket=BUCKET, Key=key)["Metadata"]
    return found


def pixels(bucket: LocalBucket, key: str = "output/a.png") -> Any:
    data = bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_with_none_the_document_is_published_alone_by_one_put(
    bucket: LocalBucket, make_function: MakeFunction
) -> None:
    function = make_function(draw="none")
    function.handle(upload(bucket, GREEN, "input/warm.png"))
    event = upload(bucket, RED)
    calls = function.count_calls()

    report = function.handle(event)

    assert report["done"] == ["input/a.png"]
    assert calls == {"HeadObject": 2, "GetObject": 1, "PutObject": 1}
    assert keys(bucket) == {"output/warm.png.json", DOCUMENT}
    found = document(bucket, DOCUMENT)
    assert found["annotated"] is None
    assert found["settings"] == {"confidence": 0.5, "nms": 0.4, "draw": "none"}
    assert [item["label"] for item in found["detections"]] == ["red"]
    assert found["timings_ms"]["draw"] == 0
    assert metadata(bucket, DOCUMENT)["image-etag"] == "none"


def test_a_repeated_event_of_a_document_alone_changes_nothing(
    bucket: LocalBucket, make_function: MakeFunction
) -> None:
    function = make_function(draw="none")
    event = upload(bucket, RED)
    function.handle(event)
    calls = function.count_calls()

    assert function.handle(event)["skipped"] == ["input/a.png"]
    assert calls == {"HeadObject": 3}  # the document, and each key of an annotated image


@pytest.mark.parametrize("kind", ["blur", "pixelate"])
def test_a_redacted_result_has_a_picture_without_the_object(
    bucket: LocalBucket, make_function: MakeFunction, kind: str
) -> None:
    make_function(draw=kind).handle(upload(bucket, RED))

    found = document(bucket, DOCUMENT)
    assert found["settings"]["draw"] == kind
    assert found["annotated"] == {"key": "output/a.png", "media_type": "image/png"}
    assert [item["label"] for item in found["detections"]] == ["red"]
    assert pixels(bucket)[40:48, 16:24, 2].max() < 200
    assert is_complete(bucket)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *(("boxes", "none"), ("none", "boxes"), ("boxes", "blur"), ("blur", "boxes")),
        *(("blur", "pixelate"), ("pixelate", "none"), ("none", "blur")),
        *(("none", "none"), ("blur", "blur")),
    ],
)
def test_a_changed_setting_makes_the_result_again_and_leaves_nothing_of_the_old_one(
    bucket: LocalBucket, make_function: MakeFunction, first: str, second: str
) -> None:
    event = upload(bucket, RED)
    make_function(draw=first).handle(event)

    report = make_function(draw=second).handle(event)

    if first == second:
        assert report["skipped"] == ["input/a.png"]
    else:
        assert report["done"] == ["input/a.png"]
    found = document(bucket, DOCUMENT)
    assert found["settings"].get("draw", "boxes") == second
    if second == "none":
        assert keys(bucket) == {DOCUMENT}
        assert found["annotated"] is None
    else:
        assert keys(bucket) == {DOCUMENT, "output/a.png"}
        assert is_complete(bucket)


def kill_before_the_document(
    function: LocalFunction, event: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Serves an event up to the PUT of the document, as a killed invocation does."""

    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("modules.function.outputs.Outputs.put_document", die)
        with pytest.raises(Killed):
            function.handle(event)


@pytest.mark.parametrize("data", [RED, gif(red=(2, 5))])
def test_a_picture_that_a_killed_invocation_left_does_not_stay_beside_a_document_alone(
    bucket: LocalBucket, make_function: MakeFunction, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    event = upload(bucket, data)
    kill_before_the_document(make_function(), event, monkeypatch)
    assert len(keys(bucket)) == 1

    assert make_function(draw="none").handle(event)["done"] == ["input/a.png"]

    assert keys(bucket) == {DOCUMENT}


def test_a_picture_that_comes_after_the_document_alone_is_deleted_by_the_retry(
    bucket: LocalBucket, make_function: MakeFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = upload(bucket, RED)
    function = make_function(draw="none")
    function.handle(event)
    kill_before_the_document(make_function(), event, monkeypatch)
    assert keys(bucket) == {DOCUMENT, "output/a.png"}

    assert function.handle(event)["done"] == ["input/a.png"]

    assert keys(bucket) == {DOCUMENT}


@pytest.mark.parametrize("kind", ["blur", "pixelate"])
def test_a_picture_that_shows_more_does_not_stay_beside_a_redacted_document(
    bucket: LocalBucket, make_function: MakeFunction, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    event = upload(bucket, RED)
    function = make_function(draw=kind)
    function.handle(event)
    kill_before_the_document(make_function(), event, monkeypatch)
    assert not is_complete(bucket)

    assert function.handle(event)["done"] == ["input/a.png"]

    assert is_complete(bucket)
    assert pixels(bucket)[40:48, 16:24, 2].max() < 200
    calls = function.count_calls()
    assert function.handle(event)["skipped"] == ["input/a.png"]
    assert calls == {"HeadObject": 2}


@pytest.mark.parametrize("owner", ["nobody", "another image"])
def test_a_picture_of_others_is_not_deleted(
    bucket: LocalBucket, make_function: MakeFunction, owner: str
) -> None:
    name, key = "a.png", "output/a.png"
    if owner == "nobody":
        bucket.client.put_object(Bucket=BUCKET, Key=key, Body=b"mine")
    else:
        name, key = "b.gif.jpg", "output/b.gif.jpg"
        make_function().handle(upload(bucket, gif(red=(2, 5)), "input/b.gif"))
    event = upload(bucket, RED, f"input/{name}")

    assert make_function(draw="none").handle(event)["done"] == [f"input/{name}"]

    assert {key, f"output/{name}.json"} <= keys(bucket)
    assert document(bucket, f"output/{name}.json")["annotated"] is None


def test_a_failure_deletes_a_document_alone(
    bucket: LocalBucket, make_function: MakeFunction
) -> None:
    function = make_function(draw="none")
    function.handle(upload(bucket, RED))

    assert function.handle(upload(bucket, b"<html>"))["failed"] == ["input/a.png"]

    assert keys(bucket) == {"failed/a.png.json"}


@pytest.mark.parametrize("step", ["_hide", "encode_image"])
def test_nothing_is_published_of_an_image_that_cannot_be_hidden(
    bucket: LocalBucket, make_function: MakeFunction, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ImageError("broken on purpose")

    monkeypatch.setattr(pipeline, step, fail)
    function = make_function(draw="blur")

    assert function.handle(upload(bucket, RED))["failed"] == ["input/a.png"]
    assert keys(bucket) == {"failed/a.png.json"}


def test_an_unexpected_error_while_hiding_publishes_nothing_and_is_raised(
    bucket: LocalBucket, make_function: MakeFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("modules.object_detection.redact.redact", fail)
    function = make_function(draw="pixelate")

    with pytest.raises(Exception, match="MemoryError"):
        function.handle(upload(bucket, RED))
    assert keys(bucket) == set()


@pytest.fixture
def redacting(bucket: LocalBucket, make_function: MakeFunction) -> LocalFunction:
    drop(bucket, "input/a.png", RED)
    return make_function(model=MODEL, draw="pixelate")


def test_a_request_may_choose_what_is_drawn_on_its_own_picture(redacting: LocalFunction) -> None:
    answers = {
        kind: redacting.handle(post(RED, f"draw={kind}", accept="image/*"))
        for kind in ("boxes", "blur", "pixelate")
    }

    bodies = {kind: base64.b64decode(answer["body"]) for kind, answer in answers.items()}
    assert len(set(bodies.values())) >= 2
    assert bodies["boxes"] not in (bodies["blur"], bodies["pixelate"])
    assert redacting.handle(post(RED, accept="image/*"))["body"] == answers["pixelate"]["body"]


def test_a_request_without_a_picture_to_draw_gets_the_document_or_a_406(
    redacting: LocalFunction,
) -> None:
    found = redacting.handle(post(RED, "draw=none", accept="image/*, application/json;q=0.1"))
    refused = redacting.handle(post(RED, "draw=none", accept="image/*"))

    assert json.loads(found["body"])["settings"]["draw"] == "none"
    assert refused["statusCode"] == 406
    assert "with draw=none there is no annotated picture" in problem(refused)["detail"]


@pytest.mark.parametrize(
    "query",
    ["draw=boxes", "draw=blur", "confidence=1", "classes=green", "nms=1", "multi_label=1"],
)
def test_no_parameter_shows_more_of_a_picture_of_the_bucket_than_is_published(
    redacting: LocalFunction, query: str
) -> None:
    answer = redacting.handle(post(place("input/a.png"), query, accept="image/*"))

    assert answer["statusCode"] == 403
    assert "draw=pixelate" in problem(answer)["detail"]


def test_a_picture_of_the_bucket_comes_as_it_is_published(
    bucket: LocalBucket, redacting: LocalFunction
) -> None:
    answer = redacting.handle(post(place("input/a.png"), accept="image/*"))
    for event in bucket.events():
        redacting.handle(event)

    stored = bucket.client.get_object(Bucket=BUCKET, Key="output/a.png")["Body"].read()
    assert base64.b64decode(answer["body"]) == stored


def test_a_function_that_draws_nothing_shows_no_picture_of_the_bucket(
    bucket: LocalBucket, make_function: MakeFunction
) -> None:
    drop(bucket, "input/a.png", RED)
    function = make_function(model=MODEL, draw="none")

    plain = function.handle(post(place("input/a.png"), accept="image/*"))
    asked = function.handle(post(place("input/a.png"), "draw=boxes", accept="image/*"))

    assert (plain["statusCode"], asked["statusCode"]) == (406, 403)


def test_an_unknown_drawing_is_refused_with_those_that_exist(redacting: LocalFunction) -> None:
    detail = problem(redacting.handle(post(RED, "draw=circles")))["detail"]

    assert detail == "draw=circles cannot work: it must be one of boxes, blur, pixelate, none"
