"""A deployed stack on a local AWS, and what runs its function; start at `Deployment`."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from modules.cli.local_aws.aws import LocalAws
from tests.conftest import ROOT
from tests.deployment.framework import params, serverless

LAYERS = ROOT / "layers" / "dist"
_ONNXRUNTIME = "onnxruntime-x86_64.zip"


def find_layer() -> str:
    """Returns the kind of OpenCV layer that is built, the slim one first; skips without one."""
    for kind in ("slim", "stock"):
        if (LAYERS / f"opencv-{kind}-x86_64.zip").exists():
            return kind
    pytest.skip("needs a built layer: `make layer`, or `make layer KIND=stock` in a minute")


def find_python() -> Path:
    """Returns a Python of Lambda's version with Lambda's runtime client; skips without one."""
    python = Path(os.environ.get("LAMBDA_PYTHON") or ROOT / ".venv-lambda" / "bin" / "python")
    if not python.exists():
        pytest.skip("needs Python 3.13, which Lambda runs: `make .venv-lambda/installed`")
    return python


@dataclass(frozen=True)
class Runtime:
    """What runs the deployed function: an interpreter, and a folder with the layers.

    Attributes:
        layer: the kind of OpenCV layer, a value of the parameter `layer`.
        missing: why these are stand-ins, with empty layers; empty if they are Lambda's.
        has_onnxruntime: whether the engine `onnxruntime` can be deployed.
    """

    python: Path
    folder: Path
    layer: str
    missing: str = ""
    has_onnxruntime: bool = True


def find_runtime(empty_layers: Path) -> Runtime:
    """Returns the built layers with Lambda's Python, or stand-ins if one of them is missing.

    The stand-ins are empty layers and the tests' own Python, which has OpenCV and ONNX Runtime.
    """
    try:
        layer, python = find_layer(), find_python()
    except pytest.skip.Exception as missing:
        return Runtime(Path(sys.executable), empty_layers, "slim", str(missing.msg))
    return Runtime(python, LAYERS, layer, has_onnxruntime=(LAYERS / _ONNXRUNTIME).exists())


class Deployment:
    """A stack on a local AWS: runs `serverless` commands, and reads and writes its bucket."""

    def __init__(self, aws: LocalAws, runtime: Runtime) -> None:
        self.aws = aws
        self.runtime = runtime
        self.storage = aws.client("s3")
        self._params: dict[str, object] = {
            "layer": runtime.layer,
            "layerFolder": runtime.folder,
            "modelTtlSeconds": 0,
        }

    def serverless(self, command: str, *arguments: str) -> str:
        """Runs a command with the stack's parameters; returns what it printed."""
        options = params(**self._params)
        run = serverless(command, *arguments, *options, environment=self.aws.environment)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def deploy(self, **given: object) -> None:
        """Deploys the stack; `given` are parameters in addition to those of earlier deployments."""
        self._params |= given
        self.serverless("deploy")

    @property
    def outputs(self) -> dict[str, str]:
        (stack,) = self.aws.client("cloudformation").describe_stacks()["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    @property
    def function(self) -> dict[str, Any]:
        """The function's configuration."""
        name = self.outputs["Function"]
        found: dict[str, Any]
        found = self.aws.client("lambda").get_function_configuration(FunctionName=name)
        return found

    @property
    def bucket(self) -> str:
        return self.outputs["Bucket"]

    def drop(self, key: str, data: bytes) -> None:
        """Puts an object into the bucket and waits until every event is finished."""
        self.drop_all({key: data})

    def drop_all(self, objects: Mapping[str, bytes]) -> None:
        """Puts objects into the bucket and waits until every event is finished."""
        for key, data in objects.items():
            self.storage.put_object(Bucket=self.bucket, Key=key, Body=data)
        assert self.aws.functions.wait_until_idle(120)

    def read(self, key: str) -> bytes:
        return bytes(self.storage.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def document(self, key: str) -> Any:
        return json.loads(self.read(key))

    def upload_model(self, folder: Path, prefix: str = "models/yolo-fastest-1.1-xl/") -> None:
        for file in folder.iterdir():
            self.drop(f"{prefix}{file.name}", file.read_bytes())

    def receive(self, queue: str) -> list[Any]:
        """Returns the messages of a queue by its name, and deletes them."""
        client = self.aws.client("sqs")
        url = client.get_queue_url(QueueName=queue)["QueueUrl"]
        bodies = []
        while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                bodies.append(json.loads(message["Body"]))
                client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def dead_letters(self) -> list[Any]:
        answer = self.aws.client("sqs").receive_message(
            QueueUrl=self.outputs["DeadLetterQueue"], VisibilityTimeout=0, MaxNumberOfMessages=10
        )
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def write_function(aws: LocalAws, name: str, code: str) -> None:
    """Creates a function outside the stack, which has the handler `handler` in `code`."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", code)
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}
    role = aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    aws.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role["Role"]["Arn"],
        Handler="app.handler",
        Code={"ZipFile": data.getvalue()},
        Timeout=30,
    )


def list_keys(storage: Any, bucket: str, prefix: str = "") -> list[str]:
    contents = storage.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())
    return [item["Key"] for item in contents]


def png(image: np.ndarray[Any, Any]) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])
