"""Exactly one result for each image, whatever events, readers and S3 do."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import TransientError
from modules.results.pipeline import process
from modules.settings import Settings
from modules.storage.errors import S3Error
from tests.colour_model import gif, picture
from tests.function.local_function import LocalFunction

RED = bytes(cv2.imencode(".png", picture(red=(2, 5)))[1])
FETCHED = ("weights", "t/a.png")  # how the paths of a model's weights and of the image end
GIF = gif(red=(2, 5))
GREEN = bytes(cv2.imencode(".png", picture(green=(6, 1)))[1])
MakeFunction = Callable[..., LocalFunction]


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


def is_complete(bucket: LocalBucket) -> bool:
    document = bucket.client.head_object(Bucket=BUCKET, Key="output/a.png.json")
    image = bucket.client.head_object(Bucket=BUCKET, Key="output/a.png")
    return document["Metadata"]["image-etag"] == image["ETag"].strip('"')


def refuse_put(status: int, code: str) -> Callable[..., None]:
    """Returns a watcher that refuses to write objects, in place of S3."""

    def refuse(operation: str, request: Mapping[str, Any], *_: object) -> None:
        if operation == "PutObject":
            raise S3Error(code, "by the test", status)

    return refuse


def test_a_repeated_event_costs_one_head_and_changes_nothing(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    event = upload(bucket, RED)
    function.handle(event)
    before = {key: read(bucket, key) for key in keys(bucket)}
    calls = function.count_calls()

    report = function.handle(event)

    assert report == {"done": [], "skipped": ["input/a.png"], "failed": [], "ignored": []}
    assert calls == {"HeadObject": 1}
    assert {key: read(bucket, key) for key in keys(bucket)} == before


def meet(function: LocalFunction, count: int, is_one: Callable[[str, Any], bool]) -> None:
    """Lets requests continue only when `count` of them are in progress at the same time.

    `is_one` tells by operation and key which requests these are.
    """
    barrier = threading.Barrier(count, timeout=120)

    def wait(operation: str, request: Mapping[str, Any]) -> None:
        if is_one(operation, request.get("Key", "")):
            barrier.wait()

    function.client.before.append(wait)


def test_the_model_is_listed_while_the_document_is_requested(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    meet(function, 2, lambda operation, _: operation in ("ListObjectsV2", "HeadObject"))

    assert function.handle(upload(bucket, RED))["done"] == ["input/a.png"]


def test_the_model_is_fetched_while_the_image_is_fetched(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    meet(function, 2, lambda operation, path: operation == "GetObject" and path[-7:] in FETCHED)

    assert function.handle(upload(bucket, RED))["done"] == ["input/a.png"]


def test_the_files_of_a_model_are_fetched_concurrently(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    meet(function, 3, lambda operation, path: operation == "GetObject" and "models/" in path)

    report = function.handle(upload(bucket, RED))

    assert report["done"] == ["input/a.png"]


def test_images_of_one_event_are_served_concurrently(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    events = [upload(bucket, RED, f"input/{name}.png") for name in "abcde"]
    records = [record for event in events for record in event["Records"]]
    meet(function, 4, lambda operation, path: operation == "PutObject" and path[-5:] > "a.png")

    report = function.handle({"Records": records})

    assert report["done"] == [f"input/{name}.png" for name in "abcde"]


def test_images_of_one_key_in_one_event_are_served_one_after_another(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    (record,) = upload(bucket, RED)["Records"]

    report = function.handle({"Records": [record] * 3})

    assert (report["done"], report["skipped"]) == (["input/a.png"], ["input/a.png"] * 2)


def test_an_image_named_by_hand_is_not_read_if_its_result_is_current(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    function.handle(upload(bucket, RED))
    calls = function.count_calls()

    report = function.handle({"bucket": BUCKET, "key": "input/a.png"})

    assert report["skipped"] == ["input/a.png"]
    assert calls == {"HeadObject": 3}


def test_an_image_named_by_hand_is_processed_if_it_has_changed(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    function.handle(upload(bucket, RED))
    upload(bucket, GREEN)

    report = function.handle({"bucket": BUCKET, "key": "input/a.png"})

    assert report["done"] == ["input/a.png"]
    assert labels(bucket) == ["green"]


def test_force_in_the_event_makes_the_result_again(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    event = upload(bucket, RED)
    function.handle(event)
    calls = function.count_calls()

    report = function.handle({**event, "force": True})

    assert report["done"] == ["input/a.png"]
    assert calls == {"HeadObject": 1, "GetObject": 1, "PutObject": 2}


def test_force_in_the_settings_makes_the_result_again(
    bucket: LocalBucket, make_function: MakeFunction
) -> None:
    event = upload(bucket, RED)
    make_function().handle(event)

    assert make_function(force=True).handle(event)["done"] == ["input/a.png"]


@pytest.mark.parametrize("changes", [{"confidence": 0.9}, {"nms": 0.5}, {"resize": "letterbox"}])
def test_changed_settings_make_another_result_of_the_same_event(
    bucket: LocalBucket, make_function: MakeFunction, changes: dict[str, Any]
) -> None:
    event = upload(bucket, RED)
    make_function().handle(event)

    function = make_function(**changes)

    assert function.handle(event)["done"] == ["input/a.png"]
    assert function.handle(event)["skipped"] == ["input/a.png"]


@pytest.mark.parametrize("changes", [{"max_image_bytes": 1_000_000}, {"model_ttl_seconds": 1.0}])
def test_settings_that_do_not_change_results_make_no_other_result(
    bucket: LocalBucket, make_function: MakeFunction, changes: dict[str, Any]
) -> None:
    event = upload(bucket, RED)
    make_function().handle(event)

    function = make_function(**changes)

    assert function.handle(event)["skipped"] == ["input/a.png"]


def test_after_events_out_of_order_the_result_is_that_of_the_newest_image(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    older, newer = upload(bucket, RED), upload(bucket, GREEN)

    reports = [function.handle(event) for event in (newer, older)]

    assert [report["done"] for report in reports] == [["input/a.png"], []]
    assert labels(bucket) == ["green"]
    assert is_complete(bucket)


def test_an_image_that_is_restored_is_processed_again(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    function.handle(upload(bucket, RED))
    upload(bucket, GREEN)

    report = function.handle(upload(bucket, RED))

    assert report["done"] == ["input/a.png"]


def test_the_latest_version_is_read_whatever_the_event_names(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    bucket.client.put_bucket_versioning(
        Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"}
    )
    older, _ = upload(bucket, RED), upload(bucket, GREEN)

    function.handle(older)

    document = json.loads(read(bucket, "output/a.png.json"))
    latest = bucket.client.head_object(Bucket=BUCKET, Key="input/a.png")
    assert document["image"]["version_id"] == latest["VersionId"]
    assert labels(bucket) == ["green"]


def test_an_output_that_another_program_wrote_is_replaced(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key="output/a.png", Body=b"another program")
    bucket.client.put_object(Bucket=BUCKET, Key="output/a.png.json", Body=b"{}")

    function.handle(upload(bucket, RED))

    assert labels(bucket) == ["red"]
    assert is_complete(bucket)


@pytest.mark.parametrize("name", ["a.png", "a.png.json"])
def test_the_next_event_completes_half_a_result(
    name: str, bucket: LocalBucket, function: LocalFunction
) -> None:
    function.handle(upload(bucket, RED))
    bucket.client.delete_object(Bucket=BUCKET, Key=f"output/{name}")

    function.handle({"bucket": BUCKET, "key": "input/a.png"})

    assert is_complete(bucket)


def test_no_document_stays_beside_a_newer_annotated_image_if_the_image_was_deleted(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    function.handle(upload(bucket, RED))
    event = upload(bucket, GREEN)
    bucket.client.put_object(
        Bucket=BUCKET, Key="output/a.png", Body=b"written by a killed function"
    )
    bucket.client.delete_object(Bucket=BUCKET, Key="input/a.png")

    report = function.handle(event)

    assert report["ignored"] == ["input/a.png"]
    assert "output/a.png.json" not in keys(bucket)


def test_a_complete_result_stays_if_the_image_was_deleted(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    function.handle(upload(bucket, RED))
    event = upload(bucket, GREEN)
    bucket.client.delete_object(Bucket=BUCKET, Key="input/a.png")

    function.handle(event)

    assert labels(bucket) == ["red"]
    assert is_complete(bucket)


@pytest.mark.parametrize(
    ("status", "code"), [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict")]
)
def test_a_conflict_starts_another_attempt(
    status: int, code: str, bucket: LocalBucket, function: LocalFunction
) -> None:
    event = upload(bucket, RED)
    refuse = refuse_put(status, code)

    def refuse_once(operation: str, request: Mapping[str, Any]) -> None:
        if operation == "PutObject":
            function.client.before.remove(refuse_once)
            refuse(operation, request)

    function.client.before.append(refuse_once)

    assert function.handle(event)["done"] == ["input/a.png"]
    assert is_complete(bucket)


def test_after_eight_conflicts_the_event_fails_so_that_it_is_retried(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    event = upload(bucket, RED)
    function.client.before.append(refuse_put(412, "PreconditionFailed"))

    with pytest.raises(
        TransientError, match="the image or its result changed during each of 8 attempts"
    ):
        function.handle(event)


def test_a_document_whose_answer_was_lost_is_recognised_and_not_written_again(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    """S3 writes the document, but answers with an error; the request is sent again."""
    event = upload(bucket, RED)

    def lose(operation: str, request: Mapping[str, Any], _: Exception | None) -> None:
        if operation == "PutObject" and request["Key"].endswith(".json"):
            function.client.after.remove(lose)
            refuse_put(503, "SlowDown")(operation, request)

    function.client.after.append(lose)
    report = function.handle(event)

    assert report["skipped"] == ["input/a.png"]
    assert labels(bucket) == ["red"]
    assert is_complete(bucket)


def test_a_newer_image_that_fails_deletes_the_result_of_the_older_one(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    function.handle(upload(bucket, RED))

    report = function.handle(upload(bucket, b"<html>"))

    assert report["failed"] == ["input/a.png"]
    assert keys(bucket) == {"input/a.png", "failed/a.png.json"}
    record = json.loads(read(bucket, "failed/a.png.json"))
    head = bucket.client.head_object(Bucket=BUCKET, Key="input/a.png")
    assert record["image"]["etag"] == head["ETag"].strip('"')
    assert record["image"]["bytes"] == 6


def test_the_event_of_an_older_bad_image_records_no_failure_for_a_newer_good_one(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    older, newer = upload(bucket, b"<html>"), upload(bucket, RED)

    for event in (newer, older):
        function.handle(event)

    assert keys(bucket) == {"input/a.png", "output/a.png", "output/a.png.json"}


def test_an_image_that_is_replaced_while_it_fails_is_not_recorded_as_failed(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    function.handle(upload(bucket, RED, "input/other.png"))  # later only the image is fetched
    event = upload(bucket, b"<html>")

    def replace(operation: str, *_: object) -> None:
        if operation == "GetObject":
            function.client.after.remove(replace)
            upload(bucket, RED)

    function.client.after.append(replace)
    report = function.handle(event)

    assert report["done"] == ["input/a.png"]
    assert "failed/a.png.json" not in keys(bucket)


def test_an_image_of_too_many_bytes_is_recorded_as_failed(
    bucket: LocalBucket, make_function: MakeFunction
) -> None:
    make_function(max_image_bytes=10).handle(upload(bucket, RED))

    record = json.loads(read(bucket, "failed/a.png.json"))
    assert record["image"]["bytes"] == len(RED)
    assert "at most 10 are allowed (MAX_IMAGE_BYTES)" in record["error"]["message"]


def test_an_image_whose_key_is_too_long_for_a_document_is_recorded_as_failed(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    key = "input/" + "🐶" * 253 + "a.jpeg"
    assert len(key.encode()) == 1024

    report = function.handle(upload(bucket, RED, key))

    assert report["failed"] == [key]
    (record,) = (name for name in keys(bucket) if name.startswith("failed/"))
    document = json.loads(read(bucket, record))
    assert document["image"]["key"] == key
    assert "the key of its document would have 1,030 bytes" in document["error"]["message"]


def test_the_longest_possible_document_key_works(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    name = "x" * (1024 - len("output/.json"))

    function.handle(upload(bucket, RED, f"input/{name}"))

    assert f"output/{name}.json" in keys(bucket)


def test_an_image_never_overwrites_the_document_of_another(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    function.handle(upload(bucket, RED))

    report = function.handle(upload(bucket, GREEN, "input/a.png.json"))

    assert report["failed"] == ["input/a.png.json"]
    assert labels(bucket) == ["red"]
    assert is_complete(bucket)


def test_the_metadata_of_outputs_name_image_model_settings_and_sequencer(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    event = upload(bucket, RED)
    function.handle(event)

    source = bucket.client.head_object(Bucket=BUCKET, Key="input/a.png")
    document = json.loads(read(bucket, "output/a.png.json"))
    image = bucket.client.head_object(Bucket=BUCKET, Key="output/a.png")
    stamp = {
        "source-etag": source["ETag"].strip('"'),
        "source-modified": source["LastModified"].isoformat(),
        "sequencer": event["Records"][0]["s3"]["object"]["sequencer"],
        "model": document["model"]["digest"],
        "settings": Settings().digest("colours", "opencv"),
    }
    assert image["Metadata"] == stamp
    head = bucket.client.head_object(Bucket=BUCKET, Key="output/a.png.json")
    assert head["Metadata"] == {**stamp, "image-etag": image["ETag"].strip('"')}


def test_a_format_that_is_only_read_comes_back_as_jpeg_at_the_price_of_any_other(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    function.handle(upload(bucket, RED, "input/other.png"))
    event = upload(bucket, GIF)  # what is in the file counts, not its name
    calls = function.count_calls()

    function.handle(event)

    assert calls == {"HeadObject": 1, "GetObject": 1, "PutObject": 2}
    assert "output/a.png" not in keys(bucket)
    answer = bucket.client.get_object(Bucket=BUCKET, Key="output/a.png.jpg")
    assert (answer["ContentType"], answer["Body"].read(3)) == ("image/jpeg", b"\xff\xd8\xff")
    assert answer["Metadata"]["annotated-suffix"] == ".jpg"
    document = json.loads(read(bucket, "output/a.png.json"))
    assert document["annotated"] == {"key": "output/a.png.jpg", "media_type": "image/jpeg"}
    head = bucket.client.head_object(Bucket=BUCKET, Key="output/a.png.json")
    assert head["Metadata"]["image-etag"] == answer["ETag"].strip('"')
    assert head["Metadata"]["annotated-suffix"] == ".jpg"

    assert function.handle(event)["skipped"] == ["input/a.png"]
    assert function.handle({"bucket": BUCKET, "key": "input/a.png"})["skipped"] == ["input/a.png"]


@pytest.mark.parametrize(
    ("before", "after", "annotated"),
    [(RED, GIF, "output/a.png.jpg"), (GIF, RED, "output/a.png")],
)
def test_an_image_whose_format_changes_has_one_annotated_image(
    bucket: LocalBucket, function: LocalFunction, before: bytes, after: bytes, annotated: str
) -> None:
    function.handle(upload(bucket, before))
    event = upload(bucket, after)
    calls = function.count_calls()

    function.handle(event)

    assert calls == {"HeadObject": 1, "GetObject": 1, "PutObject": 2, "DeleteObject": 1}
    assert keys(bucket) == {"input/a.png", annotated, "output/a.png.json"}


def test_a_broken_image_deletes_the_annotated_image_that_its_document_names(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    function.handle(upload(bucket, GIF, "input/a.png"))
    function.handle(upload(bucket, RED, "input/b.png"))

    function.handle(upload(bucket, b"<html>", "input/a.png"))

    others = {"input/b.png", "output/b.png", "output/b.png.json"}
    assert keys(bucket) == {"input/a.png", "failed/a.png.json"} | others


@pytest.mark.parametrize("order", [("a.gif", "a.gif.jpg"), ("a.gif.jpg", "a.gif")])
def test_the_second_of_two_images_that_want_one_key_is_recorded_as_failed(
    bucket: LocalBucket, function: LocalFunction, order: tuple[str, str]
) -> None:
    first, second = order
    data = {"a.gif": GIF, "a.gif.jpg": RED}
    function.handle(upload(bucket, data[first], f"input/{first}"))
    before = read(bucket, "output/a.gif.jpg")
    event = upload(bucket, data[second], f"input/{second}")

    reports = [function.handle(event) for _ in range(2)]

    assert [report["failed"] for report in reports] == [[f"input/{second}"]] * 2
    message = json.loads(read(bucket, f"failed/{second}.json"))["error"]["message"]
    assert f"output/a.gif.jpg, the annotated image of input/{first}; upload one of" in message
    assert read(bucket, "output/a.gif.jpg") == before
    assert f"output/{second}.json" not in keys(bucket)

    for key in (f"input/{first}", "output/a.gif.jpg", f"output/{first}.json"):
        bucket.client.delete_object(Bucket=BUCKET, Key=key)
    assert function.handle(event)["done"] == [f"input/{second}"]


def test_a_result_of_an_earlier_version_is_recognised(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    event = upload(bucket, RED)
    function.handle(event)
    document = bucket.client.get_object(Bucket=BUCKET, Key="output/a.png.json")
    earlier = json.loads(document["Body"].read())
    del earlier["annotated"]
    bucket.client.put_object(
        Bucket=BUCKET,
        Key="output/a.png.json",
        Body=json.dumps(earlier),
        Metadata=document["Metadata"],
    )

    assert function.handle(event)["skipped"] == ["input/a.png"]
    assert function.handle({"bucket": BUCKET, "key": "input/a.png"})["skipped"] == ["input/a.png"]


def test_a_large_annotated_image_is_published_before_the_next_image_is_decoded(
    bucket: LocalBucket, function: LocalFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modules.function.attempt._LARGE_BYTES", 0)
    events = [upload(bucket, RED, f"input/{name}.png") for name in "abcde"]
    moments: list[str] = []

    def process_noted(*arguments: Any) -> Any:
        moments.append("decode")
        return process(*arguments)

    monkeypatch.setattr("modules.function.attempt.process", process_noted)

    def note(operation: str, request: Mapping[str, Any]) -> None:
        if operation == "PutObject" and request["Key"].endswith(".json"):
            moments.append("published")

    function.client.before.append(note)
    function.handle({"Records": [record for event in events for record in event["Records"]]})

    assert moments == ["decode", "published"] * 5
