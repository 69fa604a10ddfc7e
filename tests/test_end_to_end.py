"""The whole life of a deployment, on an AWS of one machine.

`serverless deploy` makes the real stack; the deployed package and the built layer run on Python
3.13 under Lambda's own runtime client.
"""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from modules.cli.local_aws.execution import unprivileged
from modules.cli.local_aws.server import LocalAws

from .colour_model import picture, write_colour_model
from .conftest import ROOT

LAYERS = ROOT / "layers" / "dist"


def find_layer() -> str:
    """The kind of layer that is built: the slim one if there is one."""
    for kind in ("slim", "stock"):
        if (LAYERS / f"opencv-{kind}-x86_64.zip").exists():
            return kind
    pytest.skip("needs a built layer: `make layer`, or `make layer KIND=stock` in a minute")


def find_python() -> Path:
    """Lambda's Python with Lambda's runtime client."""
    python = Path(os.environ.get("LAMBDA_PYTHON") or ROOT / ".venv-lambda" / "bin" / "python")
    if not python.exists():
        pytest.skip("needs Python 3.13, which Lambda runs: `make .venv-lambda/installed`")
    return python


class Deployment:
    """The stack, and the few things that these tests do with it."""

    def __init__(self, aws: LocalAws, layer: str, *params: str) -> None:
        self.aws = aws
        self.storage = aws.client("s3")
        self._params = [f"layer={layer}", "model=models/colours/", "modelTtlSeconds=0", *params]

    def serverless(self, command: str, *arguments: str) -> str:
        params = [part for param in self._params for part in ("--param", param)]
        run = subprocess.run(
            [ROOT / "node_modules" / ".bin" / "serverless", command, *arguments, *params],
            cwd=ROOT,
            env={**os.environ, **self.aws.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout + run.stderr

    @property
    def outputs(self) -> dict[str, str]:
        (stack,) = self.aws.client("cloudformation").describe_stacks()["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    @property
    def bucket(self) -> str:
        return self.outputs["Bucket"]

    def drop(self, key: str, data: bytes) -> None:
        """Puts an object, and waits until nothing is under way because of it."""
        self.storage.put_object(Bucket=self.bucket, Key=key, Body=data)
        assert self.aws.functions.wait_until_idle(120)

    def read(self, key: str) -> bytes:
        return bytes(self.storage.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def document(self, key: str) -> Any:
        return json.loads(self.read(key))

    def upload_model(self, folder: Path) -> None:
        for file in folder.iterdir():
            self.drop(f"models/colours/{file.name}", file.read_bytes())

    def dead_letters(self) -> list[Any]:
        answer = self.aws.client("sqs").receive_message(
            QueueUrl=self.outputs["DeadLetterQueue"], VisibilityTimeout=0, MaxNumberOfMessages=10
        )
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


@contextmanager
def deploy(folder: Path, *params: str) -> Iterator[Deployment]:
    """A stack with the colour model in its bucket, removed when all is done."""
    layer, python = find_layer(), find_python()
    with LocalAws(python=python, retry_seconds=0.2) as aws:
        deployed = Deployment(aws, layer, *params)
        deployed.serverless("deploy")
        deployed.upload_model(write_colour_model(folder / "colours"))
        yield deployed
        deployed.serverless("remove")
        assert aws.client("lambda").list_functions()["Functions"] == []
        reset = urllib.request.Request(f"{aws.endpoint}/moto-api/reset", method="POST")
        urllib.request.urlopen(reset).close()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deploy(tmp_path_factory.mktemp("model")) as deployed:
        yield deployed


def png(image: np.ndarray[Any, Any]) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


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
    function, _ = deployment.aws._find(deployment.outputs["Function"])
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


def test_onnx_runtime_in_its_own_layer_finds_the_same(tmp_path: Path) -> None:
    if not (LAYERS / "onnxruntime-x86_64.zip").exists():
        pytest.skip("needs the other layer: `layers/onnxruntime/build.sh x86_64`")
    with deploy(tmp_path, "engine=onnxruntime") as deployed:
        deployed.drop("input/a.png", png(picture(red=(2, 5))))

        (found,) = deployed.document("output/a.png.json")["detections"]
        assert found["label"] == "red"
        assert found["box"] == {"x": 16.0, "y": 40.0, "width": 8.0, "height": 8.0}
