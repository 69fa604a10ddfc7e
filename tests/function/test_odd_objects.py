"""Every object under the input prefix is answered: by a result, or by a record under `failed/`."""

import json
from collections.abc import Callable

import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import TransientError
from tests.colour_model import picture
from tests.deployment.odd_objects import answers, check_answers, drop_all
from tests.function.local_function import LocalFunction
from tests.function.test_application import document, drop, keys, png, serve


def messages(log: str) -> list[str]:
    """Returns the messages of a log's lines."""
    return [json.loads(line)["message"] for line in log.splitlines() if line.startswith("{")]


def test_every_object_is_answered_whatever_its_name(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    drop_all(bucket.client, BUCKET)

    reports = serve(bucket, function)

    check_answers(answers(bucket.client, BUCKET))
    ignored = [key for report in reports for key in report["ignored"]]
    assert ignored == ["input/", "input/new folder/"]


def test_a_folder_marker_is_ignored_with_a_log_line_before_there_is_a_model(
    bucket: LocalBucket,
    make_function: Callable[..., LocalFunction],
    capsys: pytest.CaptureFixture[str],
) -> None:
    function = make_function(model="models/none/")
    drop(bucket, "input/new folder/", b"")

    (report,) = serve(bucket, function)

    assert report["ignored"] == ["input/new folder/"]
    assert keys(bucket) == {"input/new folder/"}
    assert "ignored: a folder marker, not an image" in messages(capsys.readouterr().err)


def test_a_folder_marker_that_replaces_an_image_withdraws_its_result(
    bucket: LocalBucket, function: LocalFunction
) -> None:
    drop(bucket, "input/a/", png(picture(red=(1, 1))))
    serve(bucket, function)
    assert "output/a/.json" in keys(bucket)

    drop(bucket, "input/a/", b"")
    (report,) = serve(bucket, function)

    assert report["failed"] == ["input/a/"]
    assert keys(bucket) == {"input/a/", "failed/a/.json"}


def test_an_event_about_no_new_object_leaves_a_log_line(
    function: LocalFunction, capsys: pytest.CaptureFixture[str]
) -> None:
    about = {"bucket": {"name": BUCKET}, "object": {"key": "input/a.jpg"}}

    report = function.handle({"Records": [{"eventName": "ObjectRemoved:Delete", "s3": about}]})

    assert not any(report.values())
    assert "ignored: the event is not about a new object" in messages(capsys.readouterr().err)


def test_a_class_that_the_model_lacks_is_a_refused_model(
    bucket: LocalBucket,
    make_function: Callable[..., LocalFunction],
    capsys: pytest.CaptureFixture[str],
) -> None:
    function = make_function(classes=("blue",))
    drop(bucket, "input/a.png", png(picture(red=(1, 1))))
    (event,) = [event for event in bucket.events() if "Records" in event]

    with pytest.raises(TransientError, match=r"CLASSES names 'blue', .* red, green"):
        function.handle(event)

    output = capsys.readouterr()
    assert "model refused" in messages(output.err)
    assert "unexpected error" not in messages(output.err)
    metrics = output.out.splitlines()
    assert any('"ModelRejections":[1.0]' in line.replace(" ", "") for line in metrics)
    assert any('"Unserved.ModelError":[1.0]' in line.replace(" ", "") for line in metrics)


def test_the_previous_model_serves_on_where_a_new_one_lacks_a_class(
    bucket: LocalBucket, make_function: Callable[..., LocalFunction]
) -> None:
    function = make_function(classes=("red",), model_ttl_seconds=0)
    drop(bucket, "input/a.png", png(picture(red=(1, 1))))
    serve(bucket, function)

    bucket.client.put_object(
        Bucket=BUCKET, Key="models/colours/colours.names", Body=b"rouge\nvert\n"
    )
    drop(bucket, "input/b.png", png(picture(red=(1, 1))))
    (report,) = serve(bucket, function)

    assert report["done"] == ["input/b.png"]
    (found,) = document(bucket, "output/b.png.json")["detections"]
    assert found["label"] == "red"
