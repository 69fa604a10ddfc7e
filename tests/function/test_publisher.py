import json
import threading
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

import cv2
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import TransientError
from modules.function.publisher import Publisher
from modules.settings import Settings
from tests.colour_model import picture

RED = bytes(cv2.imencode(".png", picture(red=(2, 5)))[1])
GREEN = bytes(cv2.imencode(".png", picture(green=(6, 1)))[1])
Answer = Callable[[Any], AWSResponse | None]


def upload(bucket: LocalBucket, data: bytes, key: str = "input/a.png") -> dict[str, Any]:
    """Puts an image; returns the event."""
    list(bucket.events())
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=data)
    (event,) = bucket.events()
    return event


def keys(bucket: LocalBucket) -> set[str]:
    listing = bucket.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {item["Key"] for item in listing if not item["Key"].startswith("models/")}


def read(bucket: LocalBucket, key: str) -> bytes:
    return bytes(bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def labels(bucket: LocalBucket, key: str = "output/a.png.json") -> list[str]:
    return [item["label"] for item in json.loads(read(bucket, key))["detections"]]


def is_whole(bucket: LocalBucket) -> bool:
    document = bucket.client.head_object(Bucket=BUCKET, Key="output/a.png.json")
    image = bucket.client.head_object(Bucket=BUCKET, Key="output/a.png")
    return document["Metadata"]["image-etag"] == image["ETag"].strip('"')


def count_calls(function: ModuleType) -> Counter[str]:
    calls: Counter[str] = Counter()
    function._client.meta.events.register(
        "before-call.s3", lambda model, **_: calls.update([model.name])
    )
    return calls


def answer_once(function: ModuleType, operation: str, answer: Answer) -> None:
    """Has the next request of an operation answered otherwise than by S3."""
    events, name = function._client.meta.events, f"before-send.s3.{operation}"

    def respond(request: Any, **_: Any) -> AWSResponse | None:
        events.unregister(name, respond)
        return answer(request)

    events.register(name, respond)


def error(status: int, code: str) -> Answer:
    body = f"<Error><Code>{code}</Code><Message>by the test</Message></Error>".encode()

    class Raw:
        def stream(self) -> list[bytes]:
            return [body]

    return lambda request: AWSResponse(request.url, status, HTTPHeaders(), Raw())


def test_an_event_that_comes_twice_costs_one_look_and_changes_nothing(
    bucket: LocalBucket, function: ModuleType
) -> None:
    event = upload(bucket, RED)
    function.lambda_handler(event, None)
    before = {key: read(bucket, key) for key in keys(bucket)}
    calls = count_calls(function)

    report = function.lambda_handler(event, None)

    assert report == {"done": [], "skipped": ["input/a.png"], "failed": [], "ignored": []}
    assert calls == {"HeadObject": 1}
    assert {key: read(bucket, key) for key in keys(bucket)} == before


def meet(function: ModuleType, count: int, is_one: Callable[[str, Any], bool]) -> None:
    """Has requests of one kind, by operation and key, wait until `count` of them are under way."""
    barrier = threading.Barrier(count, timeout=10)

    def wait(params: Any, model: Any, **_: Any) -> None:
        if is_one(model.name, params["url_path"]):
            barrier.wait()

    function._client.meta.events.register("before-call.s3", wait)


def test_the_model_is_looked_for_beside_the_image(
    bucket: LocalBucket, function: ModuleType
) -> None:
    meet(function, 2, lambda operation, _: operation in ("ListObjectsV2", "HeadObject"))

    assert function.lambda_handler(upload(bucket, RED), None)["done"] == ["input/a.png"]


def test_a_models_files_are_fetched_side_by_side(bucket: LocalBucket, function: ModuleType) -> None:
    meet(function, 3, lambda operation, path: operation == "GetObject" and "models/" in path)

    report = function.lambda_handler(upload(bucket, RED), None)

    assert report["done"] == ["input/a.png"]


def test_images_of_one_event_are_served_side_by_side(
    bucket: LocalBucket, function: ModuleType
) -> None:
    events = [upload(bucket, RED, f"input/{name}.png") for name in "abcde"]
    records = [record for event in events for record in event["Records"]]
    meet(function, 4, lambda operation, path: operation == "PutObject" and path[-5:] > "a.png")

    report = function.lambda_handler({"Records": records}, None)

    assert report["done"] == [f"input/{name}.png" for name in "abcde"]


def test_images_of_one_key_in_one_event_are_served_in_turn(
    bucket: LocalBucket, function: ModuleType
) -> None:
    (record,) = upload(bucket, RED)["Records"]

    report = function.lambda_handler({"Records": [record] * 3}, None)

    assert (report["done"], report["skipped"]) == (["input/a.png"], ["input/a.png"] * 2)


def test_an_image_named_by_hand_whose_result_is_there_is_not_read(
    bucket: LocalBucket, function: ModuleType
) -> None:
    function.lambda_handler(upload(bucket, RED), None)
    calls = count_calls(function)

    report = function.lambda_handler({"bucket": BUCKET, "key": "input/a.png"}, None)

    assert report["skipped"] == ["input/a.png"]
    assert calls == {"HeadObject": 3}


def test_an_image_named_by_hand_that_has_changed_is_processed(
    bucket: LocalBucket, function: ModuleType
) -> None:
    function.lambda_handler(upload(bucket, RED), None)
    upload(bucket, GREEN)

    report = function.lambda_handler({"bucket": BUCKET, "key": "input/a.png"}, None)

    assert report["done"] == ["input/a.png"]
    assert labels(bucket) == ["green"]


def test_forced_by_the_event_the_result_is_made_again(
    bucket: LocalBucket, function: ModuleType
) -> None:
    event = upload(bucket, RED)
    function.lambda_handler(event, None)
    calls = count_calls(function)

    report = function.lambda_handler({**event, "force": True}, None)

    assert report["done"] == ["input/a.png"]
    assert calls == {"HeadObject": 1, "GetObject": 1, "PutObject": 2}


def test_forced_by_the_setting_the_result_is_made_again(
    bucket: LocalBucket, function: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = upload(bucket, RED)
    function.lambda_handler(event, None)

    monkeypatch.setattr(function, "_settings", Settings(force=True))

    assert function.lambda_handler(event, None)["done"] == ["input/a.png"]


def with_settings(function: ModuleType, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    publisher = function._publisher
    settings = Settings(model=function._settings.model, **changes)
    monkeypatch.setattr(
        function,
        "_publisher",
        Publisher(publisher._bucket, publisher._models, settings, publisher._beside),
    )


@pytest.mark.parametrize("changes", [{"confidence": 0.9}, {"nms": 0.5}, {"resize": "letterbox"}])
def test_other_settings_make_another_result_of_the_same_event(
    bucket: LocalBucket,
    function: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
) -> None:
    event = upload(bucket, RED)
    function.lambda_handler(event, None)

    with_settings(function, monkeypatch, **changes)

    assert function.lambda_handler(event, None)["done"] == ["input/a.png"]
    assert function.lambda_handler(event, None)["skipped"] == ["input/a.png"]


@pytest.mark.parametrize("changes", [{"max_image_bytes": 1_000_000}, {"model_ttl_seconds": 1.0}])
def test_settings_without_effect_on_results_do_not(
    bucket: LocalBucket,
    function: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
) -> None:
    event = upload(bucket, RED)
    function.lambda_handler(event, None)

    with_settings(function, monkeypatch, **changes)

    assert function.lambda_handler(event, None)["skipped"] == ["input/a.png"]


def test_events_out_of_order_leave_the_result_of_the_newest_image(
    bucket: LocalBucket, function: ModuleType
) -> None:
    older, newer = upload(bucket, RED), upload(bucket, GREEN)

    reports = [function.lambda_handler(event, None) for event in (newer, older)]

    assert [report["done"] for report in reports] == [["input/a.png"], []]
    assert labels(bucket) == ["green"]
    assert is_whole(bucket)


def test_an_image_that_comes_back_is_processed_again_as_another_may_be_under_way(
    bucket: LocalBucket, function: ModuleType
) -> None:
    function.lambda_handler(upload(bucket, RED), None)
    upload(bucket, GREEN)

    report = function.lambda_handler(upload(bucket, RED), None)

    assert report["done"] == ["input/a.png"]


def test_what_is_read_is_the_latest_version(bucket: LocalBucket, function: ModuleType) -> None:
    bucket.client.put_bucket_versioning(
        Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"}
    )
    older, _ = upload(bucket, RED), upload(bucket, GREEN)

    function.lambda_handler(older, None)

    document = json.loads(read(bucket, "output/a.png.json"))
    latest = bucket.client.head_object(Bucket=BUCKET, Key="input/a.png")
    assert document["image"]["version_id"] == latest["VersionId"]
    assert labels(bucket) == ["green"]


def test_a_result_that_somebody_else_wrote_is_replaced(
    bucket: LocalBucket, function: ModuleType
) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key="output/a.png", Body=b"another's")
    bucket.client.put_object(Bucket=BUCKET, Key="output/a.png.json", Body=b"{}")

    function.lambda_handler(upload(bucket, RED), None)

    assert labels(bucket) == ["red"]
    assert is_whole(bucket)


@pytest.mark.parametrize("name", ["a.png", "a.png.json"])
def test_half_a_result_is_made_whole_by_the_next_event(
    name: str, bucket: LocalBucket, function: ModuleType
) -> None:
    function.lambda_handler(upload(bucket, RED), None)
    bucket.client.delete_object(Bucket=BUCKET, Key=f"output/{name}")

    function.lambda_handler({"bucket": BUCKET, "key": "input/a.png"}, None)

    assert is_whole(bucket)


def test_where_the_image_is_gone_no_mixture_stays(
    bucket: LocalBucket, function: ModuleType
) -> None:
    function.lambda_handler(upload(bucket, RED), None)
    event = upload(bucket, GREEN)
    bucket.client.put_object(Bucket=BUCKET, Key="output/a.png", Body=b"of a function killed")
    bucket.client.delete_object(Bucket=BUCKET, Key="input/a.png")

    report = function.lambda_handler(event, None)

    assert report["ignored"] == ["input/a.png"]
    assert "output/a.png.json" not in keys(bucket)


def test_a_result_whose_image_is_gone_stays(bucket: LocalBucket, function: ModuleType) -> None:
    function.lambda_handler(upload(bucket, RED), None)
    event = upload(bucket, GREEN)
    bucket.client.delete_object(Bucket=BUCKET, Key="input/a.png")

    function.lambda_handler(event, None)

    assert labels(bucket) == ["red"]
    assert is_whole(bucket)


@pytest.mark.parametrize(
    ("status", "code"), [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict")]
)
def test_a_conflict_has_it_begun_again(
    status: int, code: str, bucket: LocalBucket, function: ModuleType
) -> None:
    event = upload(bucket, RED)
    answer_once(function, "PutObject", error(status, code))

    assert function.lambda_handler(event, None)["done"] == ["input/a.png"]
    assert is_whole(bucket)


def test_conflicts_without_end_are_given_up_for_now(
    bucket: LocalBucket, function: ModuleType
) -> None:
    event = upload(bucket, RED)
    function._client.meta.events.register(
        "before-send.s3.PutObject", lambda request, **_: error(412, "PreconditionFailed")(request)
    )

    with pytest.raises(TransientError, match="others have changed the result 8 times meanwhile"):
        function.lambda_handler(event, None)


def test_a_write_whose_answer_was_lost_is_known_as_ones_own(
    bucket: LocalBucket, function: ModuleType
) -> None:
    """S3 has written the document, and answers that it fails; the SDK sends it again."""
    event = upload(bucket, RED)

    def lose(request: Any) -> AWSResponse | None:
        if not request.url.endswith(".json"):
            answer_once(function, "PutObject", lose)
            return None
        send = function._client._endpoint.http_session.send
        send(request)
        return error(503, "SlowDown")(request)

    answer_once(function, "PutObject", lose)
    report = function.lambda_handler(event, None)

    assert report["skipped"] == ["input/a.png"]
    assert labels(bucket) == ["red"]
    assert is_whole(bucket)


def test_a_newer_image_that_fails_withdraws_the_result_of_the_older(
    bucket: LocalBucket, function: ModuleType
) -> None:
    function.lambda_handler(upload(bucket, RED), None)

    report = function.lambda_handler(upload(bucket, b"<html>"), None)

    assert report["failed"] == ["input/a.png"]
    assert keys(bucket) == {"input/a.png", "failed/a.png.json"}
    record = json.loads(read(bucket, "failed/a.png.json"))
    head = bucket.client.head_object(Bucket=BUCKET, Key="input/a.png")
    assert record["image"]["etag"] == head["ETag"].strip('"')
    assert record["image"]["bytes"] == 6


def test_an_older_image_that_fails_leaves_no_record_beside_the_newer_ones_result(
    bucket: LocalBucket, function: ModuleType
) -> None:
    older, newer = upload(bucket, b"<html>"), upload(bucket, RED)

    for event in (newer, older):
        function.lambda_handler(event, None)

    assert keys(bucket) == {"input/a.png", "output/a.png", "output/a.png.json"}


def test_an_image_replaced_while_it_fails_is_not_recorded_as_failed(
    bucket: LocalBucket, function: ModuleType
) -> None:
    event = upload(bucket, b"<html>")
    events, name = function._client.meta.events, "after-call.s3.GetObject"

    def replace(context: Any, **_: Any) -> None:
        events.unregister(name, replace)
        upload(bucket, RED)

    function._models.model_for(BUCKET)
    events.register(name, replace)
    report = function.lambda_handler(event, None)

    assert report["done"] == ["input/a.png"]
    assert "failed/a.png.json" not in keys(bucket)


def test_an_image_that_is_too_large_is_recorded_and_not_read(
    bucket: LocalBucket, function: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_settings(function, monkeypatch, max_image_bytes=10)

    function.lambda_handler(upload(bucket, RED), None)

    record = json.loads(read(bucket, "failed/a.png.json"))
    assert record["image"]["bytes"] == len(RED)
    assert "at most 10 are allowed (MAX_IMAGE_BYTES)" in record["error"]["message"]


def test_a_key_of_1024_bytes_is_recorded_as_too_long_for_a_result(
    bucket: LocalBucket, function: ModuleType
) -> None:
    key = "input/" + "🐶" * 253 + "a.jpeg"
    assert len(key.encode()) == 1024

    report = function.lambda_handler(upload(bucket, RED, key), None)

    assert report["failed"] == [key]
    (record,) = (name for name in keys(bucket) if name.startswith("failed/"))
    document = json.loads(read(bucket, record))
    assert document["image"]["key"] == key
    assert "its document's would have 1,030 bytes" in document["error"]["message"]


def test_the_longest_key_that_has_a_result_has_one(
    bucket: LocalBucket, function: ModuleType
) -> None:
    name = "x" * (1024 - len("output/.json"))

    function.lambda_handler(upload(bucket, RED, f"input/{name}"), None)

    assert f"output/{name}.json" in keys(bucket)


def test_an_image_never_takes_the_place_of_anothers_document(
    bucket: LocalBucket, function: ModuleType
) -> None:
    function.lambda_handler(upload(bucket, RED), None)

    report = function.lambda_handler(upload(bucket, GREEN, "input/a.png.json"), None)

    assert report["failed"] == ["input/a.png.json"]
    assert labels(bucket) == ["red"]
    assert is_whole(bucket)


def test_outputs_say_what_they_were_made_of(bucket: LocalBucket, function: ModuleType) -> None:
    event = upload(bucket, RED)
    function.lambda_handler(event, None)

    source = bucket.client.head_object(Bucket=BUCKET, Key="input/a.png")
    document = json.loads(read(bucket, "output/a.png.json"))
    image = bucket.client.head_object(Bucket=BUCKET, Key="output/a.png")
    stamp = {
        "source-etag": source["ETag"].strip('"'),
        "source-modified": source["LastModified"].isoformat(),
        "sequencer": event["Records"][0]["s3"]["object"]["sequencer"],
        "model": document["model"]["digest"],
        "settings": Settings().digest("colours"),
    }
    assert image["Metadata"] == stamp
    head = bucket.client.head_object(Bucket=BUCKET, Key="output/a.png.json")
    assert head["Metadata"] == {**stamp, "image-etag": image["ETag"].strip('"')}
