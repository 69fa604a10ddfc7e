"""The packages that the tests look at, each made once: `serverless package` takes seconds."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from modules.cli.local_aws.moto_server import MotoServer
from tests.deployment.framework import LAYERS, Package, params, serverless

# Every parameter and every deployment of docs/deployment.md is in one of these
PACKAGES: dict[str, list[str]] = {
    "default": [],
    "prod": ["--stage", "prod", *params(alarmEmail="you@example.com")],
    "joined": ["--region", "eu-central-1", *params(bucket="pictures-of-mine")],
    "snapstart": params(snapStart="true", layer="stock", reservedConcurrency=5),
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
            classes="dog,stop sign",
            resize="letterbox",
            maxImageBytes=1000,
            maxImagePixels=2000,
            logRetention=7,
            force="true",
            tracing="true",
            alarmEmail="you@example.com",
        ),
    ],
    "storage": params(ephemeralStorage=1024, versioning="true", layer="stock", arch="arm64"),
    "onnxruntime": params(arch="arm64", layer="stock", engine="onnxruntime"),
}


@pytest.fixture(scope="session")
def aws() -> Iterator[dict[str, str]]:
    """The environment variables that make AWS tools use a moto server."""
    with MotoServer() as server:
        yield server.environment


@pytest.fixture(scope="session")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with empty layers, because real ones take long to build."""
    folder = tmp_path_factory.mktemp("layers")
    for name in LAYERS:
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("python/stand_in.py", f"# {name}\n")
    return folder


@pytest.fixture(scope="session")
def package(
    aws: dict[str, str], layers: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Package]:
    """Returns the package with a name in PACKAGES."""

    @cache
    def make(name: str) -> Package:
        folder = tmp_path_factory.mktemp(name)
        arguments = [*PACKAGES[name], *params(layerFolder=layers)]
        run = serverless("package", "--package", folder, *arguments, environment=aws)
        assert run.returncode == 0, run.stdout + run.stderr
        return Package.read(folder)

    return make
