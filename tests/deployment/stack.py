"""A deployed stack, for the tests of its life; start at `deploy`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from modules.cli.local_aws.aws import LocalAws
from tests.colour_model import write_colour_model
from tests.conftest import ROOT

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


def png(image: np.ndarray[Any, Any]) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])
