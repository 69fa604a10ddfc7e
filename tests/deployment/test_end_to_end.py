"""The whole life of a deployment, on an AWS of one machine.

`serverless deploy` makes the real stack; the deployed package and the built layer run on Python
3.13 under Lambda's own runtime client.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from modules.cli.local_aws.execution_environment import unprivileged
from tests.colour_model import picture
from tests.deployment.stack import Deployment, deploy, png


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deploy(tmp_path_factory.mktemp("model")) as deployed:
        yield deployed


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


def test_a_broken_image_has_its_record_and_no_result(deployment: Deployment) -> None:
    deployment.drop("input/broken.jpg", b"<html>")

    record = deployment.document("failed/broken.jpg.json")
    assert "an HTML page, not a supported image" in record["error"]["message"]
    assert deployment.dead_letters() == []


def test_what_is_no_image_triggers_nothing(deployment: Deployment) -> None:
    deployment.drop("input/notes.txt", b"hello")

    keys = [
        item["Key"]
        for item in deployment.storage.list_objects_v2(Bucket=deployment.bucket)["Contents"]
    ]
    assert [key for key in keys if "notes" in key] == ["input/notes.txt"]


def test_an_event_that_fails_every_time_ends_in_the_dead_letter_queue(
    deployment: Deployment,
) -> None:
    function = deployment.outputs["Function"]

    deployment.aws.client("lambda").invoke(
        FunctionName=function, InvocationType="Event", Payload=b'{"not": "an event of S3"}'
    )
    assert deployment.aws.functions.wait_until_idle(120)

    (letter,) = deployment.dead_letters()
    assert letter["requestPayload"] == {"not": "an event of S3"}
    assert letter["requestContext"]["condition"] == "RetriesExhausted"
    assert letter["requestContext"]["approximateInvokeCount"] == 3
    assert letter["responsePayload"]["errorType"] == "EventError"


def test_invoke_and_logs_reach_the_deployed_function(deployment: Deployment) -> None:
    printed = deployment.serverless("invoke", "-f", "detect", "-d", '{"Event": "s3:TestEvent"}')
    logs = deployment.serverless("logs", "-f", "detect")

    assert json.loads(printed[printed.index("{") : printed.rindex("}") + 1]) == {
        "done": [],
        "skipped": [],
        "failed": [],
        "ignored": [],
    }
    assert '"message":"model loaded"' in logs
    assert '"Namespace":"ObjectDetection"' in logs.replace('": "', '":"')


def test_the_next_image_uses_a_changed_model_without_a_deployment(deployment: Deployment) -> None:
    deployment.drop("models/colours/colours.names", b"rouge\nvert\n")

    deployment.drop("input/changed.png", png(picture(red=(2, 5))))

    document = deployment.document("output/changed.png.json")
    assert [item["label"] for item in document["detections"]] == ["rouge"]


def test_a_deployment_over_it_keeps_what_is_in_the_bucket(deployment: Deployment) -> None:
    deployment.drop("input/before.png", png(picture(red=(2, 5))))

    deployment.serverless("deploy", "--force")
    deployment.drop("input/after.png", png(picture(green=(2, 5))))

    for name in ("before", "after"):
        assert deployment.document(f"output/{name}.png.json")["detections"]


def test_the_function_runs_as_on_lambda(deployment: Deployment) -> None:
    """Not as root, and unable to change its own code."""
    function, _ = deployment.aws.find_function(deployment.outputs["Function"])
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
