"""The life of a deployed stack on a local AWS: deploy, use, deploy again, remove.

The commands are those that docs/deployment.md shows. All tests use one stack, in the order of this
file. The deployed package and the built layers run on Python 3.13 under Lambda's own runtime
client; where a layer or that Python is missing, empty layers and the tests' own Python stand in.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote_plus

import cv2
import numpy as np
import pytest
from botocore.exceptions import ClientError

from modules.cli.local_aws.aws import LocalAws
from modules.cli.local_aws.execution_environment import unprivileged
from modules.cli.page.function import Choice, DeployedFunction
from modules.errors import UsageError
from modules.object_detection.images import decode_image
from tests.cli.command import command
from tests.colour_model import picture, write_colour_model
from tests.conftest import ROOT
from tests.deployment.odd_objects import answers, check_answers, drop_all
from tests.deployment.photos import annotated_key, check_photo, read_photos
from tests.deployment.stack import Deployment, find_runtime, list_keys, png, write_function
from tests.waiting import wait_until

BUCKET = "object-detection-dev-123456789012-us-east-1"
FUNCTION = "object-detection-dev-detect"
CALLER = "arn:aws:iam::123456789012:role/app"
HTTP_PAGE = (ROOT / "docs" / "http.md").read_text()
PLACE = "us-east-1:123456789012"


@pytest.fixture(scope="module")
def deployment(layers: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The stack after the first deployment, with the colour model in its bucket."""
    runtime = find_runtime(layers)
    with LocalAws(python=runtime.python, retry_seconds=0.2) as aws:
        deployed = Deployment(aws, runtime)
        deployed.deploy()
        deployed.upload_model(write_colour_model(tmp_path_factory.mktemp("model") / "colours"))
        yield deployed


@pytest.fixture(scope="module")
def updated(deployment: Deployment) -> Deployment:
    """The stack after a second deployment: other confidence and engine, a queue, and a URL."""
    deployment.drop("input/before.png", png(picture(red=(2, 5))))
    engine = "onnxruntime" if deployment.runtime.has_onnxruntime else "opencv"
    deployment.aws.client("sqs").create_queue(QueueName="results")
    deployment.deploy(
        confidence=0.9,
        engine=engine,
        notify=f"arn:aws:sqs:{PLACE}:results",
        url="true",
        urlCallers=CALLER,
    )
    return deployment


def test_the_built_layers_run_on_lambdas_python(deployment: Deployment) -> None:
    if deployment.runtime.missing:
        pytest.skip(deployment.runtime.missing)
    function = deployment.aws.find_function(FUNCTION)
    code = "import sys, cv2; print(*sys.version_info[:2], cv2.__file__)"

    printed = subprocess.run(
        [function.python, "-c", code],
        env={"PYTHONPATH": f"{function.layers[0]}/python"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert printed.startswith(f"3 13 {function.layers[0]}/python/cv2/")


def test_a_photo_with_a_hostile_name_comes_back_annotated(deployment: Deployment) -> None:
    name = "my photo+1 é.png"

    deployment.drop(f"input/{name}", png(picture(red=(2, 5))))

    drawn = cv2.imdecode(np.frombuffer(deployment.read(f"output/{name}"), np.uint8), 1)
    assert drawn.shape == (64, 64, 3)
    document = deployment.document(f"output/{name}.json")
    assert document["image"]["key"] == f"input/{name}"
    assert [item["label"] for item in document["detections"]] == ["red"]


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "webp", "TIF", "bmp"])
def test_every_format_is_read_and_written_by_the_layer(suffix: str, deployment: Deployment) -> None:
    data = bytes(cv2.imencode(f".{suffix.lower()}", picture(green=(3, 3)))[1])

    deployment.drop(f"input/a.{suffix}", data)

    assert deployment.document(f"output/a.{suffix}.json")["detections"][0]["label"] == "green"
    assert deployment.read(f"output/a.{suffix}")[:2] == data[:2]


def test_a_broken_image_has_a_record_and_no_result(deployment: Deployment) -> None:
    deployment.drop("input/broken.jpg", b"<html>")

    record = deployment.document("failed/broken.jpg.json")
    assert "an HTML page, not a supported image" in record["error"]["message"]
    assert list_keys(deployment.storage, BUCKET, "output/broken") == []
    assert deployment.dead_letters() == []


def test_every_object_under_the_input_prefix_is_answered_whatever_its_name(
    deployment: Deployment,
) -> None:
    before = answers(deployment.storage, BUCKET)
    drop_all(deployment.storage, BUCKET)
    assert deployment.aws.functions.wait_until_idle(180)

    found = answers(deployment.storage, BUCKET)

    check_answers({key: value for key, value in found.items() if key not in before})
    assert deployment.dead_letters() == []


def test_an_event_that_fails_every_time_ends_in_the_dead_letter_queue(
    deployment: Deployment,
) -> None:
    deployment.aws.client("lambda").invoke(
        FunctionName=FUNCTION, InvocationType="Event", Payload=b'{"not": "an event of S3"}'
    )
    assert deployment.aws.functions.wait_until_idle(120)

    (letter,) = deployment.dead_letters()
    assert letter["requestPayload"] == {"not": "an event of S3"}
    assert letter["requestContext"]["condition"] == "RetriesExhausted"
    assert letter["requestContext"]["approximateInvokeCount"] == 3
    assert letter["responsePayload"]["errorType"] == "EventError"


def test_info_shows_bucket_and_function(deployment: Deployment) -> None:
    printed = deployment.serverless("info", "--verbose")

    assert f"Bucket: {BUCKET}" in printed
    assert f"Function: {FUNCTION}" in printed


def test_invoke_and_logs_reach_the_deployed_function(
    deployment: Deployment, tmp_path: Path
) -> None:
    data = bytes(cv2.imencode(".jpg", picture(red=(2, 5)))[1])
    deployment.drop("input/a/b.JPG", data)
    assert deployment.document("output/a/b.JPG.json")["detections"][0]["label"] == "red"
    assert list_keys(deployment.storage, BUCKET, "failed/a/") == []
    assert list_keys(deployment.storage, BUCKET, "output/a/") == [
        "output/a/b.JPG",
        "output/a/b.JPG.json",
    ]
    event = tmp_path / "event.json"
    record = {"s3": {"bucket": {"name": BUCKET}, "object": {"key": "input/a/b.JPG"}}}
    event.write_text(json.dumps({"Records": [record]}))

    printed = deployment.serverless("invoke", "-f", "detect", "-p", str(event))
    logs = deployment.serverless("logs", "-f", "detect")

    assert json.loads(printed) == {
        "done": [],
        "skipped": ["input/a/b.JPG"],  # its result exists already
        "failed": [],
        "ignored": [],
    }
    assert '"message":"model loaded"' in logs
    assert '"Namespace":"ObjectDetection"' in logs.replace('": "', '":"')
    assert "input/a/b.JPG" in logs


def test_the_function_cannot_write_to_its_own_code(deployment: Deployment) -> None:
    function = deployment.aws.find_function(FUNCTION)
    code = (
        "import os, sys\n"
        "denied = [p for p in sys.argv[1:] if not os.access(p, os.W_OK)]\n"
        "print(os.getuid() != 0, len(denied))"
    )
    folders = [str(function.task), *map(str, function.layers)]
    printed = subprocess.run(
        [*unprivileged(), str(function.python), "-c", code, *folders],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert printed.split() == ["True", str(len(folders))]


def test_a_second_deployment_keeps_the_bucket_and_changes_the_configuration(
    updated: Deployment,
) -> None:
    updated.drop("input/after.png", png(picture(green=(2, 5))))

    for name in ("before", "after"):
        assert updated.document(f"output/{name}.png.json")["detections"]
    assert updated.function["Environment"]["Variables"]["CONFIDENCE"] == "0.9"


def test_a_queue_is_told_of_each_document_once_and_of_nothing_else(updated: Deployment) -> None:
    assert updated.aws.functions.wait_until_idle(120)
    updated.receive("results")  # S3's test event, and the documents of other tests

    updated.drop("input/told/é +1.png", png(picture(red=(2, 5))))
    updated.drop("input/told/notes.txt", b"no image")

    (message,) = updated.receive("results")
    (record,) = message["Records"]
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["s3"]["bucket"]["name"] == BUCKET
    key = unquote_plus(record["s3"]["object"]["key"])
    assert key == "output/told/é +1.png.json"
    assert updated.document(key)["image"]["key"] == "input/told/é +1.png"
    assert list_keys(updated.storage, BUCKET, "failed/told/") == ["failed/told/notes.txt.json"]


def test_a_topic_is_told_of_each_document(updated: Deployment) -> None:
    topics = updated.aws.client("sns")
    topic = topics.create_topic(Name="results")["TopicArn"]
    updated.aws.client("sqs").create_queue(QueueName="subscriber")
    topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{PLACE}:subscriber")
    updated.deploy(notify=topic)
    updated.receive("subscriber")  # S3's test event

    updated.drop("input/published.png", png(picture(red=(2, 5))))

    (message,) = updated.receive("subscriber")
    (record,) = json.loads(message["Message"])["Records"]
    assert unquote_plus(record["s3"]["object"]["key"]) == "output/published.png.json"


def test_a_function_is_told_of_each_document(updated: Deployment) -> None:
    code = """
def handler(event, context):
    (record,) = event["Records"]
    print("told of", record["s3"]["object"]["key"])
"""
    write_function(updated.aws, "count", code)
    updated.deploy(notify=f"arn:aws:lambda:{PLACE}:function:count")
    logs: list[str] = []
    updated.aws.functions.on_log = logs.append

    updated.drop("input/counted.png", png(picture(red=(2, 5))))

    told = [line for log in logs for line in log.splitlines() if line.startswith("told of")]
    assert told == ["told of output%2Fcounted.png.json"]
    assert updated.receive("results") == []  # the deployment has taken the queue out
    updated.aws.client("lambda").delete_function(FunctionName="count")


def test_a_rule_of_eventbridge_matches_the_documents_alone(updated: Deployment) -> None:
    """The pattern is that of docs/deployment.md."""
    page = (ROOT / "docs" / "deployment.md").read_text()
    (pattern,) = re.findall(r'^ *({"source": .*\*\.json.*})$', page, re.MULTILINE)
    events = updated.aws.client("events")
    events.put_rule(Name="documents", EventPattern=pattern.replace("BUCKET", BUCKET))
    queue = {"Id": "results", "Arn": f"arn:aws:sqs:{PLACE}:results"}
    events.put_targets(Rule="documents", Targets=[queue])
    updated.deploy(notify="eventbridge")

    updated.drop("input/ruled.png", png(picture(red=(2, 5))))
    updated.drop("input/ruled.txt", b"no image")

    (event,) = updated.receive("results")
    assert (event["source"], event["detail-type"]) == ("aws.s3", "Object Created")
    assert event["detail"]["object"]["key"] == "output/ruled.png.json"


def test_onnx_runtime_in_its_own_layer_finds_the_same(updated: Deployment) -> None:
    if not updated.runtime.has_onnxruntime:
        pytest.skip("needs the other layer: `make layer KIND=onnxruntime`")
    assert updated.function["Environment"]["Variables"]["ENGINE"] == "onnxruntime"
    assert len(updated.function["Layers"]) == 2

    updated.drop("input/onnxruntime.png", png(picture(red=(2, 5))))

    (found,) = updated.document("output/onnxruntime.png.json")["detections"]
    assert found["label"] == "red"
    assert found["box"] == {"x": 16.0, "y": 40.0, "width": 8.0, "height": 8.0}


def test_the_function_url_answers_what_the_bucket_does(updated: Deployment, tmp_path: Path) -> None:
    photo = tmp_path / "red.png"
    photo.write_bytes(png(picture(red=(2, 5))))
    (tmp_path / "broken.jpg").write_bytes(b"<html>")
    url = updated.outputs["Url"]
    updated.drop("input/url.png", photo.read_bytes())
    keys = list_keys(updated.storage, BUCKET)
    files = (photo, tmp_path / "broken.jpg", "--output", tmp_path / "boxed")

    run = command("detect", *files, "--url", url, "--json", environment=updated.aws.environment)

    assert run.returncode == 1
    assert "broken.jpg: 415: an HTML page, not a supported image" in run.stderr
    (found,) = map(json.loads, run.stdout.splitlines())
    stored = updated.document("output/url.png.json")
    for part in ("model", "settings", "detections"):
        assert found[part] == stored[part]
    assert found["image"]["key"] == str(photo)
    assert (tmp_path / "boxed" / "red.png").read_bytes() == updated.read("output/url.png")
    assert list_keys(updated.storage, BUCKET) == keys


@pytest.mark.parametrize(
    ("language", "program"),
    [("python", [sys.executable, "-c"]), ("js", ["node", "--input-type=module", "-e"])],
)
def test_the_clients_in_the_documentation_get_an_answer(
    language: str, program: list[str], updated: Deployment, tmp_path: Path
) -> None:
    photo = tmp_path / "red.png"
    photo.write_bytes(png(picture(red=(2, 5))))
    (code,) = re.findall(rf"```{language}\n(.*?)```", HTTP_PAGE, re.DOTALL)

    run = subprocess.run(
        [*program, code.replace("demo/street.jpg", str(photo))],
        cwd=ROOT,
        env={**os.environ, **updated.aws.environment, "URL": updated.outputs["Url"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("red 1")


def test_the_next_image_uses_a_changed_model_without_a_deployment(updated: Deployment) -> None:
    updated.drop("models/yolo-fastest-1.1-xl/colours.names", b"rouge\nvert\n")

    updated.drop("input/changed.png", png(picture(red=(2, 5))))

    document = updated.document("output/changed.png.json")
    assert [item["label"] for item in document["detections"]] == ["rouge"]


def test_the_page_sends_a_picture_again_and_changes_the_model(
    updated: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in updated.aws.environment.items():
        monkeypatch.setenv(name, value)
    updated.upload_model(write_colour_model(tmp_path / "other"), "models/other/")
    function = DeployedFunction("dev", updated.bucket)
    first = function.choice()
    assert first == Choice("models/yolo-fastest-1.1-xl/")
    updated.drop("input/again.png", png(picture(red=(2, 5))))
    storage = updated.aws.client("s3")
    storage.delete_object(Bucket=updated.bucket, Key="output/again.png.json")

    function.choose("models/other/")
    assert function.choice() == Choice("models/other/")
    function.retry(updated.bucket, "input/again.png")

    wait_until(
        lambda: "output/again.png.json" in list_keys(storage, updated.bucket, "output/"),
        "a new result",
    )
    assert updated.document("output/again.png.json")["model"]["name"] == "other"
    assert first.current
    function.choose(first.current)


def test_the_page_names_the_bucket_that_the_stage_has(
    updated: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in updated.aws.environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"the stage has the bucket s3://{updated.bucket}"):
        DeployedFunction("dev", "another-bucket").retry("another-bucket", "input/a.jpg")


def test_a_photo_comes_back_right_in_every_format_that_people_drop(
    updated: Deployment, shared: Callable[[str], Path]
) -> None:
    photos = read_photos(shared("cases/pictures"))
    updated.upload_model(shared("models/yolo-fastest-1.1-xl"), "models/photos/")
    updated.deploy(model="models/photos/", engine="opencv", confidence=0.5)

    updated.drop_all({f"input/{name}": data for name, data in photos.items()})

    photo = decode_image(photos["photo.jfif"], max_pixels=10**6).pixels
    for name in photos:
        document = updated.document(f"output/{name}.json")
        answer = updated.storage.get_object(Bucket=BUCKET, Key=annotated_key(name))
        check_photo(name, document, answer["Body"].read(), answer["ContentType"], photo)


def test_remove_deletes_all_but_the_bucket_and_its_objects(updated: Deployment) -> None:
    keys = list_keys(updated.storage, BUCKET)
    assert any(key.startswith("output/") for key in keys)

    updated.serverless("remove")

    assert list_keys(updated.storage, BUCKET) == keys
    assert updated.aws.client("lambda").list_functions()["Functions"] == []
    with pytest.raises(ClientError, match="ResourceNotFound"):
        updated.aws.client("lambda").get_function(FunctionName=FUNCTION)
