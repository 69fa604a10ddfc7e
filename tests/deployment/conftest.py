"""The packages that the tests look at, made once per session: it takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modules.cli.local_aws.moto_server import MotoServer
from tests.deployment.framework import Package, params, serverless_runs, write_empty_layers

# Every parameter and every deployment of docs/deployment.md is in one of these
PACKAGES: dict[str, list[str]] = {
    "default": [],
    "prod": ["--stage", "prod", *params(alarmEmail="you@example.com")],
    "joined": ["--region", "eu-central-1", *params(bucket="pictures-of-mine")],
    "snapstart": params(
        snapStart="true", layer="stock", reservedConcurrency=5, inputPrefix="my photos/+é/"
    ),
    "everything": [
        *("--stage", "prod", "--region", "eu-central-1"),
        *params(
            arch="arm64",
            bucket="pictures-of-mine",
            engine="onnxruntime",
            snapStart="true",
            memory=3008,
            timeout=120,
            inputPrefix="in/coming/",
            outputPrefix="out/",
            failedPrefix="bad/",
            model="s3://models-of-mine/yolov4-tiny",
            modelTtlSeconds=0.5,
            confidence=0.25,
            nms=1,
            multiLabel="true",
            classes="dog,stop sign",
            slice=320,
            sliceOverlap=0.25,
            draw="pixelate",
            resize="letterbox",
            maxImageBytes=1000,
            maxImagePixels=2000,
            logRetention=7,
            force="true",
            tracing="true",
            alarmEmail="you@example.com",
            url="true",
            urlCallers="arn:aws:iam::123456789012:role/app,arn:aws:iam::210987654321:user/a,b",
        ),
    ],
    "storage": params(ephemeralStorage=1024, versioning="true", layer="stock", arch="arm64"),
    "url": params(url="true", urlCallers="arn:aws:iam::123456789012:role/app"),
    "queue": params(notify="arn:aws:sqs:us-east-1:123456789012:results"),
    "topic": params(notify="arn:aws:sns:us-east-1:999999999999:results", outputPrefix="my out/"),
    "function": params(notify="arn:aws:lambda:us-east-1:123456789012:function:count:live"),
    "eventbridge": params(notify="eventbridge"),
    "onnxruntime": params(arch="arm64", layer="stock", engine="onnxruntime"),
    "bundled": params(model="bundled", modelFolder="demo/fruits", layer="stock"),
    "auto": params(engine="auto", layer="stock", model="models/yolox-nano/"),
}


@pytest.fixture(scope="session")
def aws() -> Iterator[dict[str, str]]:
    """The environment variables that make AWS tools use a moto server."""
    with MotoServer() as server:
        yield server.environment


@pytest.fixture(scope="session")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with empty layers."""
    return write_empty_layers(tmp_path_factory.mktemp("layers"))


@pytest.fixture(scope="session")
def packages(
    aws: dict[str, str], layers: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Package]:
    """All packages in PACKAGES by name, made in one process."""
    folders = {name: tmp_path_factory.mktemp(name) for name in PACKAGES}
    options = params(layerFolder=layers)
    runs = [
        ["package", "--package", str(folders[name]), *arguments, *options]
        for name, arguments in PACKAGES.items()
    ]
    # A setting in the shell is for `invoke local`, and must not change a package
    run = serverless_runs(runs, environment={**aws, "MODEL": "models/of-the-shell/"})
    assert run.returncode == 0, run.stdout + run.stderr
    return {name: Package.read(folder) for name, folder in folders.items()}


@pytest.fixture(scope="session")
def package(packages: dict[str, Package]) -> Callable[[str], Package]:
    """Returns the package with a name in PACKAGES."""
    return packages.__getitem__
