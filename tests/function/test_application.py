"""One event through the application: what is published, and what the sender is answered."""

import json
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import TransientError
from tests.colour_model import LABELS, picture, weights
from tests.faults.proxy import FaultyProxy
from tests.function.local_function import LocalFunction


def png(image: np.ndarray[Any, Any]) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


def drop(bucket: LocalBucket, key: str, data: bytes) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=data)


def serve(bucket: LocalBucket, function: LocalFunction) -> list[dict[str, list[str]]]:
    """Answers every waiting event; returns the reports that name an image.

    A new notification sends a test event, whose report is empty.
    """
    reports = [function.handle(event) for event in bucket.events()]
    return [report for report in reports if any(report.values())]


def keys(bucket: LocalBucket) -> set[str]:
    listing = bucket.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {item["Key"] for item in listing if not item["Key"].startswith("models/")}


def document(bucket: LocalBucket, key: str) -> Any:
    return json.loads(bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def test_a_new_image_gets_an_annotated_image_and_a_document(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    image = picture(red=(2, 5), green=(6, 0))
    drop(bucket, "input/a/b.png", png(image))

    (report,) = serve(bucket, function)

    assert report == {"done": ["input/a/b.png"], "skipped": [], "failed": [], "ignored": []}
    assert keys(bucket) == {"input/a/b.png", "output/a/b.png", "output/a/b.png.json"}
    answer = bucket.client.get_object(Bucket=BUCKET, Key="output/a/b.png")
    drawn = cv2.imdecode(np.frombuffer(answer["Body"].read(), np.uint8), cv2.IMREAD_COLOR)
    assert answer["ContentType"] == "image/png"
    assert drawn.shape == image.shape
    assert (drawn != image).any()
    head = bucket.client.head_object(Bucket=BUCKET, Key="input/a/b.png")
    found = document(bucket, "output/a/b.png.json")
    timings = found.pop("timings_ms")
    digest = found["model"].pop("digest")
    confidences = [item.pop("confidence") for item in found["detections"]]
    assert found == {
        "schema": 1,
        "image": {
            "bucket": BUCKET,
            "key": "input/a/b.png",
            "etag": head["ETag"].strip('"'),
            "version_id": None,
            "width": 64,
            "height": 64,
            "bytes": head["ContentLength"],
        },
        "annotated": {"key": "output/a/b.png", "media_type": "image/png"},
        "model": {"name": "colours", "input": [64, 64]},
        "settings": {"confidence": 0.5, "nms": 0.4},
        "detections": [
            {
                "class_id": 0,
                "label": "red",
                "box": {"x": 16.0, "y": 40.0, "width": 8.0, "height": 8.0},
            },
            {
                "class_id": 1,
                "label": "green",
                "box": {"x": 48.0, "y": 0.0, "width": 8.0, "height": 8.0},
            },
        ],
    }
    assert confidences == [1.0, 1.0]
    assert digest.startswith("sha256:")
    assert set(timings) == {"fetch", "decode", "infer", "draw", "publish"}


def test_a_warm_image_costs_one_head_one_get_and_two_puts(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    drop(bucket, "input/first.png", png(picture(red=(1, 1))))
    serve(bucket, function)
    calls = function.count_calls()

    drop(bucket, "input/second.png", png(picture(red=(1, 1))))
    serve(bucket, function)

    assert calls == {"HeadObject": 1, "GetObject": 1, "PutObject": 2}


def test_a_cold_image_costs_one_listing_and_three_gets_more(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    calls = function.count_calls()

    drop(bucket, "input/first.png", png(picture(red=(1, 1))))
    serve(bucket, function)

    assert calls == {"ListObjectsV2": 1, "HeadObject": 1, "GetObject": 1 + 3, "PutObject": 2}


def test_every_record_of_an_event_is_served(bucket: LocalBucket, function: LocalFunction) -> None:
    records = []
    for name in ("a", "b", "c"):
        drop(bucket, f"input/{name}.png", png(picture(red=(1, 1))))
    for event in bucket.events():
        records += event.get("Records", [])

    report = function.handle({"Records": records})

    assert report["done"] == ["input/a.png", "input/b.png", "input/c.png"]


@pytest.mark.parametrize("name", ["my photo+1 é.png", "100%.png", "a%2Fb.png", "🐶/犬.png"])
def test_every_key_keeps_its_name_under_the_output_prefix(
    name: str, bucket: LocalBucket, function: LocalFunction
) -> None:
    drop(bucket, f"input/{name}", png(picture(red=(1, 1))))

    serve(bucket, function)

    assert keys(bucket) == {f"input/{name}", f"output/{name}", f"output/{name}.json"}


def test_an_image_under_the_output_prefix_is_never_processed(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    drop(bucket, "output/a.png", png(picture(red=(1, 1))))
    event = {"Records": [{"s3": {"bucket": {"name": BUCKET}, "object": {"key": "output/a.png"}}}]}

    report = function.handle(event)

    assert report == {"done": [], "skipped": [], "failed": [], "ignored": ["output/a.png"]}
    assert keys(bucket) == {"output/a.png"}


def test_a_bad_image_is_recorded_and_the_others_are_served(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    drop(bucket, "input/bad.jpg", b"<html>")
    drop(bucket, "input/good.png", png(picture(red=(1, 1))))

    first, second = serve(bucket, function)

    assert first == {"done": [], "skipped": [], "failed": ["input/bad.jpg"], "ignored": []}
    assert second["done"] == ["input/good.png"]
    assert "input/bad.jpg" in keys(bucket), "the image itself must stay"
    record = document(bucket, "failed/bad.jpg.json")
    assert record["schema"] == 1
    assert record["image"]["key"] == "input/bad.jpg"
    assert record["image"]["bytes"] == 6
    assert record["error"]["kind"] == "permanent"
    assert record["error"]["type"] == "ImageError"
    assert "an HTML page, not a supported image" in record["error"]["message"]


def test_an_image_deleted_after_its_event_is_ignored(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    drop(bucket, "input/a.png", png(picture()))
    bucket.client.delete_object(Bucket=BUCKET, Key="input/a.png")

    (report,) = serve(bucket, function)

    assert report == {"done": [], "skipped": [], "failed": [], "ignored": ["input/a.png"]}
    assert keys(bucket) == set()


def test_a_missing_model_is_raised_so_that_the_event_is_retried(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    bucket.client.delete_object(Bucket=BUCKET, Key="models/colours/colours.weights")
    drop(bucket, "input/a.png", png(picture()))

    with pytest.raises(
        TransientError, match=r"input/a.png: .*models/colours/: it has no \*.weights"
    ):
        serve(bucket, function)

    assert keys(bucket) == {"input/a.png"}


def test_every_other_image_is_served_before_an_error_is_raised(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    drop(bucket, "input/a.png", png(picture(red=(1, 1))))
    records = [
        {"s3": {"bucket": {"name": name}, "object": {"key": "input/a.png"}}}
        for name in ("no-such-bucket", BUCKET)
    ]

    with pytest.raises(TransientError, match="NoSuchBucket"):
        function.handle({"Records": records})

    assert "output/a.png.json" in keys(bucket)


def test_only_failed_sqs_messages_are_sent_again(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    drop(bucket, "input/a.png", png(picture(red=(1, 1))))
    (notification,) = (event for event in bucket.events() if "Records" in event)
    elsewhere = {"bucket": "no-such-bucket", "key": "input/a.png"}
    bodies = {"good": notification, "slow": elsewhere, "new": {"Event": "s3:TestEvent"}, "odd": 7}
    messages = [
        {"eventSource": "aws:sqs", "messageId": name, "body": json.dumps(body)}
        for name, body in bodies.items()
    ]

    answer = function.handle({"Records": messages})

    assert answer == {"batchItemFailures": [{"itemIdentifier": "slow"}, {"itemIdentifier": "odd"}]}
    assert "output/a.png.json" in keys(bucket)


def test_every_s3_batch_task_gets_a_result_code(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    drop(bucket, "input/my photo+1 é.png", png(picture(red=(1, 1))))
    drop(bucket, "input/bad.jpg", b"<html>")
    arn = f"arn:aws:s3:::{BUCKET}"
    names = ["input/my+photo%2B1+%C3%A9.png", "input/bad.jpg", "input/none.png", "elsewhere.png"]
    tasks = [{"taskId": name, "s3Key": name, "s3BucketArn": arn} for name in names]
    tasks.append({"taskId": "slow", "s3Key": "input/a.png", "s3BucketArn": "arn:aws:s3:::nowhere"})

    answer = function.handle(
        {"invocationSchemaVersion": "1.0", "invocationId": "i", "job": {}, "tasks": tasks}, None
    )

    codes = {one["taskId"]: one["resultCode"] for one in answer["results"]}
    assert list(codes.values()) == [
        "Succeeded",
        "PermanentFailure",
        "PermanentFailure",
        "PermanentFailure",
        "TemporaryFailure",
    ]
    assert "output/my photo+1 é.png.json" in keys(bucket)


class Context:
    """Lambda's context, as far as the function uses it.

    Each question for the remaining time is answered with the next of `milliseconds`.
    """

    aws_request_id = "e4b46cbf-b738-xmpl-8880-a18cdf61200e"

    def __init__(self, *milliseconds: int) -> None:
        self._milliseconds = iter(milliseconds)

    def get_remaining_time_in_millis(self) -> int:
        return next(self._milliseconds)


def test_an_image_that_cannot_finish_in_time_is_not_started_and_is_named(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    for name in ("a", "b", "c"):
        drop(bucket, f"input/{name}.png", png(picture(red=(1, 1))))
    records = [record for event in bucket.events() for record in event.get("Records", ())]

    with pytest.raises(TransientError) as error:
        function.handle({"Records": records}, Context(60_000, 1))

    assert str(error.value) == "input/c.png: not started, because too little time was left"
    assert {"output/a.png.json", "output/b.png.json"} <= keys(bucket)
    assert "output/c.png" not in keys(bucket)


def test_the_first_image_is_started_however_little_time_is_left(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    drop(bucket, "input/a.png", png(picture(red=(1, 1))))

    report = function.handle({"bucket": BUCKET, "key": "input/a.png"}, Context())

    assert report["done"] == ["input/a.png"]


def test_an_unexpected_error_does_not_stop_the_images_after_it(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    for name in ("a", "b"):
        drop(bucket, f"input/{name}.png", png(picture(red=(1, 1))))
    records = [record for event in bucket.events() for record in event.get("Records", ())]

    def fail_once(operation: str, _: object) -> None:
        if operation == "PutObject":
            function.client.before.remove(fail_once)
            raise ZeroDivisionError("a defect")

    function.client.before.append(fail_once)

    with pytest.raises(TransientError, match=r"input/a.png: ZeroDivisionError: a defect"):
        function.handle({"Records": records})

    assert "output/b.png.json" in keys(bucket)


@pytest.fixture
def function_without_ttl(make_function: Callable[..., LocalFunction]) -> LocalFunction:
    """A function that checks its model for changes at every image."""
    return make_function(model_ttl_seconds=0.0)


def test_a_changed_model_is_used_after_the_ttl(
    bucket: LocalBucket, function_without_ttl: LocalFunction
) -> None:
    drop(bucket, "input/a.png", png(picture(red=(1, 1))))
    serve(bucket, function_without_ttl)

    drop(bucket, "models/colours/colours.names", b"rouge\nvert\n")
    drop(bucket, "input/b.png", png(picture(red=(1, 1))))
    serve(bucket, function_without_ttl)

    before, after = (document(bucket, f"output/{name}.png.json") for name in "ab")
    assert before["detections"][0]["label"] == LABELS[0]
    assert after["detections"][0]["label"] == "rouge"
    assert before["model"]["digest"] != after["model"]["digest"]


def test_a_broken_model_does_not_replace_the_working_one(
    bucket: LocalBucket, function_without_ttl: LocalFunction
) -> None:
    drop(bucket, "input/a.png", png(picture(red=(1, 1))))
    serve(bucket, function_without_ttl)

    drop(bucket, "models/colours/colours.weights", weights()[:-1])
    drop(bucket, "input/b.png", png(picture(red=(1, 1))))
    (report,) = serve(bucket, function_without_ttl)

    assert report["done"] == ["input/b.png"]
    assert document(bucket, "output/b.png.json")["detections"][0]["label"] == "red"


def test_a_result_does_not_depend_on_earlier_images(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    data = png(picture(red=(1, 1), green=(4, 4)))
    drop(bucket, "input/a.png", data)
    drop(bucket, "input/other.png", png(picture(green=(7, 7))))
    serve(bucket, function)
    first = document(bucket, "output/a.png.json")
    image = bucket.client.get_object(Bucket=BUCKET, Key="output/a.png")["Body"].read()

    drop(bucket, "input/a.png", data)
    serve(bucket, function)
    second = document(bucket, "output/a.png.json")

    first.pop("timings_ms")
    second.pop("timings_ms")
    assert first == second
    assert image == bucket.client.get_object(Bucket=BUCKET, Key="output/a.png")["Body"].read()


def test_metrics_are_written_once_per_invocation(
    bucket: LocalBucket, function: LocalFunction, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(bucket, "input/a.png", png(picture(red=(1, 1), green=(3, 3))))
    list(bucket.events())  # the notification's test event, and the event of the image
    event = {"Records": [{"s3": {"bucket": {"name": BUCKET}, "object": {"key": "input/a.png"}}}]}

    function.handle(event)

    (line,) = capsys.readouterr().out.splitlines()
    written = json.loads(line)
    (directive,) = written["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "ObjectDetection"
    assert written["Images"] == [1.0]
    assert written["Failures"] == [0.0]
    assert written["Detections"] == [2.0]
    assert {"FetchMs", "DecodeMs", "InferMs", "DrawMs", "PublishMs"} <= set(written)


def test_a_function_that_knows_its_models_bucket_reads_the_model_before_the_first_event(
    bucket: LocalBucket, proxy: FaultyProxy, make_function: Callable[..., LocalFunction]
) -> None:
    requests: list[str] = []
    proxy.choose = lambda method, path, number: requests.append(f"{method} {path}")
    model = [f"GET /{BUCKET}/models/colours/colours.{kind}" for kind in ("cfg", "names", "weights")]
    drop(bucket, "input/a.png", png(picture(red=(1, 1))))

    function = make_function(model=f"s3://{BUCKET}/models/colours/")
    while not set(model) <= {request.partition("?")[0] for request in requests}:
        time.sleep(0.01)
    before = len(requests)
    serve(bucket, function)

    read = [request.partition("?")[0] for request in requests]
    assert [read.count(request) for request in model] == [1, 1, 1]
    assert not any("models/" in request for request in requests[before:])


@pytest.fixture
def snapshot(make_function: Callable[..., LocalFunction]) -> LocalFunction:
    """A function that is about to be put into a snapshot: its model is named with its bucket."""
    return make_function(model=f"s3://{BUCKET}/models/colours/")


def test_a_restored_snapshot_has_its_model_and_asks_once_for_a_newer_one(
    bucket: LocalBucket, snapshot: LocalFunction
) -> None:
    import snapshot_restore_py

    snapshot.application.prepare_snapshot()
    drop(bucket, "input/a.png", png(picture(red=(1, 1))))
    calls = snapshot.count_calls()

    for hook, arguments, options in snapshot_restore_py.get_after_restore():
        hook(*arguments, **options)
    serve(bucket, snapshot)

    assert calls == {"ListObjectsV2": 1, "HeadObject": 1, "GetObject": 1, "PutObject": 2}
    drop(bucket, "input/b.png", png(picture(red=(1, 1))))
    serve(bucket, snapshot)
    assert calls == {"ListObjectsV2": 1, "HeadObject": 2, "GetObject": 2, "PutObject": 4}
