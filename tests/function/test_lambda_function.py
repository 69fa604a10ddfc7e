import importlib
import json
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import SettingsError, TransientError
from modules.function import publisher
from modules.results import pipeline
from tests.colour_model import LABELS, picture, weights


def png(image: np.ndarray[Any, Any]) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


def drop(bucket: LocalBucket, key: str, data: bytes) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=data)


def serve(bucket: LocalBucket, function: ModuleType) -> list[dict[str, list[str]]]:
    """Has the function answer every event that waits; a new notification's test event is one."""
    reports = [function.lambda_handler(event, None) for event in bucket.events()]
    return [report for report in reports if any(report.values())]


def keys(bucket: LocalBucket) -> set[str]:
    listing = bucket.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {item["Key"] for item in listing if not item["Key"].startswith("models/")}


def document(bucket: LocalBucket, key: str) -> Any:
    return json.loads(bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def count_calls(function: ModuleType) -> Counter[str]:
    """Counts the requests that the function's own client sends from now on."""
    calls: Counter[str] = Counter()
    function._client.meta.events.register(
        "before-call.s3", lambda model, **_: calls.update([model.name])
    )
    return calls


def test_a_dropped_image_comes_back_annotated_with_its_document(
    bucket: LocalBucket, function: ModuleType
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


def test_a_warm_image_costs_a_look_a_read_and_two_writes(
    bucket: LocalBucket, function: ModuleType
) -> None:
    drop(bucket, "input/first.png", png(picture(red=(1, 1))))
    serve(bucket, function)
    calls = count_calls(function)

    drop(bucket, "input/second.png", png(picture(red=(1, 1))))
    serve(bucket, function)

    assert calls == {"HeadObject": 1, "GetObject": 1, "PutObject": 2}


def test_a_cold_image_costs_a_listing_and_three_files_more(
    bucket: LocalBucket, function: ModuleType
) -> None:
    calls = count_calls(function)

    drop(bucket, "input/first.png", png(picture(red=(1, 1))))
    serve(bucket, function)

    assert calls == {"ListObjectsV2": 1, "HeadObject": 1, "GetObject": 1 + 3, "PutObject": 2}


def test_every_record_of_an_event_is_served(bucket: LocalBucket, function: ModuleType) -> None:
    records = []
    for name in ("a", "b", "c"):
        drop(bucket, f"input/{name}.png", png(picture(red=(1, 1))))
    for event in bucket.events():
        records += event.get("Records", [])

    report = function.lambda_handler({"Records": records}, None)

    assert report["done"] == ["input/a.png", "input/b.png", "input/c.png"]


@pytest.mark.parametrize("name", ["my photo+1 é.png", "100%.png", "a%2Fb.png", "🐶/犬.png"])
def test_any_key_comes_back_under_the_same_name(
    name: str, bucket: LocalBucket, function: ModuleType
) -> None:
    drop(bucket, f"input/{name}", png(picture(red=(1, 1))))

    serve(bucket, function)

    assert keys(bucket) == {f"input/{name}", f"output/{name}", f"output/{name}.json"}


def test_an_image_under_the_output_prefix_is_never_processed(
    bucket: LocalBucket, function: ModuleType
) -> None:
    drop(bucket, "output/a.png", png(picture(red=(1, 1))))
    event = {"Records": [{"s3": {"bucket": {"name": BUCKET}, "object": {"key": "output/a.png"}}}]}

    report = function.lambda_handler(event, None)

    assert report == {"done": [], "skipped": [], "failed": [], "ignored": ["output/a.png"]}
    assert keys(bucket) == {"output/a.png"}


def test_one_bad_image_is_recorded_and_never_costs_its_neighbours(
    bucket: LocalBucket, function: ModuleType
) -> None:
    drop(bucket, "input/bad.jpg", b"<html>")
    drop(bucket, "input/good.png", png(picture(red=(1, 1))))

    first, second = serve(bucket, function)

    assert first == {"done": [], "skipped": [], "failed": ["input/bad.jpg"], "ignored": []}
    assert second["done"] == ["input/good.png"]
    assert "input/bad.jpg" in keys(bucket), "the image itself stays where it was"
    record = document(bucket, "failed/bad.jpg.json")
    assert record["schema"] == 1
    assert record["image"]["key"] == "input/bad.jpg"
    assert record["image"]["bytes"] == 6
    assert record["error"]["kind"] == "permanent"
    assert record["error"]["type"] == "ImageError"
    assert "an HTML page, not a supported image" in record["error"]["message"]


def test_an_image_deleted_since_is_ignored(bucket: LocalBucket, function: ModuleType) -> None:
    drop(bucket, "input/a.png", png(picture()))
    bucket.client.delete_object(Bucket=BUCKET, Key="input/a.png")

    (report,) = serve(bucket, function)

    assert report == {"done": [], "skipped": [], "failed": [], "ignored": ["input/a.png"]}
    assert keys(bucket) == set()


def test_a_missing_model_is_raised_so_that_the_event_is_retried(
    bucket: LocalBucket, function: ModuleType
) -> None:
    bucket.client.delete_object(Bucket=BUCKET, Key="models/colours/colours.weights")
    drop(bucket, "input/a.png", png(picture()))

    with pytest.raises(
        TransientError, match=r"input/a.png: .*models/colours/: it has no \*.weights"
    ):
        serve(bucket, function)

    assert keys(bucket) == {"input/a.png"}


def test_what_can_be_served_is_served_before_an_error_is_raised(
    bucket: LocalBucket, function: ModuleType
) -> None:
    drop(bucket, "input/a.png", png(picture(red=(1, 1))))
    records = [
        {"s3": {"bucket": {"name": name}, "object": {"key": "input/a.png"}}}
        for name in ("no-such-bucket", BUCKET)
    ]

    with pytest.raises(TransientError, match="NoSuchBucket"):
        function.lambda_handler({"Records": records}, None)

    assert "output/a.png.json" in keys(bucket)


def test_each_message_of_sqs_is_answered_by_itself(
    bucket: LocalBucket, function: ModuleType
) -> None:
    drop(bucket, "input/a.png", png(picture(red=(1, 1))))
    (notification,) = (event for event in bucket.events() if "Records" in event)
    elsewhere = {"bucket": "no-such-bucket", "key": "input/a.png"}
    bodies = {"good": notification, "slow": elsewhere, "new": {"Event": "s3:TestEvent"}, "odd": 7}
    messages = [
        {"eventSource": "aws:sqs", "messageId": name, "body": json.dumps(body)}
        for name, body in bodies.items()
    ]

    answer = function.lambda_handler({"Records": messages}, None)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "slow"}, {"itemIdentifier": "odd"}]}
    assert "output/a.png.json" in keys(bucket)


def test_each_task_of_s3_batch_operations_has_its_answer(
    bucket: LocalBucket, function: ModuleType
) -> None:
    drop(bucket, "input/my photo+1 é.png", png(picture(red=(1, 1))))
    drop(bucket, "input/bad.jpg", b"<html>")
    arn = f"arn:aws:s3:::{BUCKET}"
    names = ["input/my+photo%2B1+%C3%A9.png", "input/bad.jpg", "input/none.png", "elsewhere.png"]
    tasks = [{"taskId": name, "s3Key": name, "s3BucketArn": arn} for name in names]
    tasks.append({"taskId": "slow", "s3Key": "input/a.png", "s3BucketArn": "arn:aws:s3:::nowhere"})

    answer = function.lambda_handler(
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
    """Lambda's, as far as the function looks at it: so much time is left at each question."""

    aws_request_id = "e4b46cbf-b738-xmpl-8880-a18cdf61200e"

    def __init__(self, *milliseconds: int) -> None:
        self._milliseconds = iter(milliseconds)

    def get_remaining_time_in_millis(self) -> int:
        return next(self._milliseconds)


def test_no_image_is_begun_when_the_time_is_nearly_up_and_it_is_named(
    bucket: LocalBucket, function: ModuleType
) -> None:
    for name in ("a", "b", "c"):
        drop(bucket, f"input/{name}.png", png(picture(red=(1, 1))))
    records = [record for event in bucket.events() for record in event.get("Records", ())]

    with pytest.raises(TransientError) as error:
        function.lambda_handler({"Records": records}, Context(60_000, 1))

    assert str(error.value) == "input/c.png: not begun, as the time was nearly up"
    assert {"output/a.png.json", "output/b.png.json"} <= keys(bucket)
    assert "output/c.png" not in keys(bucket)


def test_the_first_image_is_begun_however_little_time_there_is(
    bucket: LocalBucket, function: ModuleType
) -> None:
    drop(bucket, "input/a.png", png(picture(red=(1, 1))))

    report = function.lambda_handler({"bucket": BUCKET, "key": "input/a.png"}, Context())

    assert report["done"] == ["input/a.png"]


def test_an_error_that_nobody_foresaw_never_costs_the_images_after_it(
    bucket: LocalBucket, function: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        drop(bucket, f"input/{name}.png", png(picture(red=(1, 1))))
    records = [record for event in bucket.events() for record in event.get("Records", ())]
    draw = pipeline.draw

    def fail_once(*arguments: Any) -> Any:
        monkeypatch.setattr(publisher, "draw", draw)
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(publisher, "draw", fail_once)

    with pytest.raises(TransientError, match=r"input/a.png: ZeroDivisionError: a defect"):
        function.lambda_handler({"Records": records}, None)

    assert "output/b.png.json" in keys(bucket)


def test_a_bad_setting_is_refused_before_any_image_is_touched(
    bucket: LocalBucket, function: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFIDENCE", "high")
    sys.modules.pop("lambda_function")

    with pytest.raises(SettingsError, match="CONFIDENCE=high"):
        importlib.import_module("lambda_function")


@pytest.fixture
def function_without_ttl(
    bucket: LocalBucket, colour_model: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """The function, asking after its model for every image."""
    monkeypatch.setenv("MODEL_TTL_SECONDS", "0")
    bucket.upload_model(colour_model)
    sys.modules.pop("lambda_function", None)
    return importlib.import_module("lambda_function")


def test_another_model_in_the_bucket_is_used_once_the_ttl_is_over(
    bucket: LocalBucket, function_without_ttl: ModuleType
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


def test_a_broken_model_is_not_swapped_in(
    bucket: LocalBucket, function_without_ttl: ModuleType
) -> None:
    drop(bucket, "input/a.png", png(picture(red=(1, 1))))
    serve(bucket, function_without_ttl)

    drop(bucket, "models/colours/colours.weights", weights()[:-1])
    drop(bucket, "input/b.png", png(picture(red=(1, 1))))
    (report,) = serve(bucket, function_without_ttl)

    assert report["done"] == ["input/b.png"]
    assert document(bucket, "output/b.png.json")["detections"][0]["label"] == "red"


def test_the_result_does_not_depend_on_what_came_before(
    bucket: LocalBucket, function: ModuleType
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


def test_metrics_are_written_once_an_invocation(
    bucket: LocalBucket, function: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(bucket, "input/a.png", png(picture(red=(1, 1), green=(3, 3))))
    list(bucket.events())  # the notification's own test event, and the picture's
    event = {"Records": [{"s3": {"bucket": {"name": BUCKET}, "object": {"key": "input/a.png"}}}]}

    function.lambda_handler(event, None)

    (line,) = capsys.readouterr().out.splitlines()
    written = json.loads(line)
    (directive,) = written["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "ObjectDetection"
    assert written["Images"] == [1.0]
    assert written["Failures"] == [0.0]
    assert written["Detections"] == [2.0]
    assert {"FetchMs", "DecodeMs", "InferMs", "DrawMs", "PublishMs"} <= set(written)


def test_a_snapshot_may_be_taken_before_there_is_a_model(
    bucket: LocalBucket, colour_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    monkeypatch.setenv("MODEL", f"s3://{BUCKET}/models/colours/")
    sys.modules.pop("lambda_function", None)
    function = importlib.import_module("lambda_function")

    bucket.upload_model(colour_model)
    monkeypatch.setenv("MODEL", f"s3://{BUCKET}/models/colours/")
    drop(bucket, "input/a.png", png(picture(red=(1, 1))))

    assert serve(bucket, function)[0]["done"] == ["input/a.png"]


def test_a_snapshot_holds_the_model_and_asks_for_a_newer_one_once_restored(
    bucket: LocalBucket, colour_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import snapshot_restore_py

    bucket.upload_model(colour_model)
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    monkeypatch.setenv("MODEL", f"s3://{BUCKET}/models/colours/")
    sys.modules.pop("lambda_function", None)
    function = importlib.import_module("lambda_function")
    drop(bucket, "input/a.png", png(picture(red=(1, 1))))
    calls = count_calls(function)

    for hook, arguments, options in snapshot_restore_py.get_after_restore():
        hook(*arguments, **options)
    serve(bucket, function)

    assert calls == {"ListObjectsV2": 1, "HeadObject": 1, "GetObject": 1, "PutObject": 2}
    drop(bucket, "input/b.png", png(picture(red=(1, 1))))
    serve(bucket, function)
    assert calls == {"ListObjectsV2": 1, "HeadObject": 2, "GetObject": 2, "PutObject": 4}
