"""Runs the command of the Serverless Framework; start at `serverless` and `Package`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

COMMAND = ROOT / "node_modules" / ".bin" / "serverless"
_RUNS_SCRIPT = Path(__file__).with_name("serverless_runs.js")
TEMPLATE = "cloudformation-template-update-stack.json"
# The layers that `make layer` builds
LAYERS = [
    f"{name}-{arch}.zip"
    for name in ("opencv-slim", "opencv-stock", "onnxruntime")
    for arch in ("x86_64", "arm64")
]


def write_empty_layers(folder: Path) -> Path:
    """Writes zips with the names of the layers, because real ones take long; returns the folder."""
    for name in LAYERS:
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("python/stand_in.py", f"# {name}\n")
    return folder


def serverless(
    *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs the command in the project's root; `environment` is added to the test's own."""
    return _run([COMMAND, *arguments], environment)


def serverless_runs(
    runs: Sequence[Sequence[str]], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs the command with each list of arguments, in one process; stops after a failure."""
    node = shutil.which("node")
    assert node
    return _run([node, _RUNS_SCRIPT], environment, json.dumps(runs))


def _run(
    command: Sequence[str | Path], environment: Mapping[str, str] | None, text: str = ""
) -> subprocess.CompletedProcess[str]:
    if not COMMAND.exists():
        pytest.fail("the Serverless Framework is not installed; run `make setup`")
    own = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "SLS_AWS_MONITORING_FREQUENCY": "200",  # milliseconds between polls, instead of 5000
    }
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **own, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        input=text,
    )


def params(**given: object) -> list[str]:
    """Returns the command-line options for these parameters."""
    return [text for name, value in given.items() for text in ("--param", f"{name}={value}")]


@dataclass(frozen=True)
class Package:
    """The output of `serverless package`: a folder with the template and the function's zip."""

    folder: Path
    template: dict[str, Any] = field(repr=False)

    @classmethod
    def read(cls, folder: Path) -> Package:
        return cls(folder, json.loads((folder / TEMPLATE).read_text()))

    @property
    def path(self) -> Path:
        """The template's file."""
        return self.folder / TEMPLATE

    @property
    def archive(self) -> Path:
        """The function's zip."""
        return self.folder / "object-detection.zip"

    def properties(self, logical_id: str) -> dict[str, Any]:
        properties: dict[str, Any] = self.template["Resources"][logical_id]["Properties"]
        return properties

    def of_type(self, kind: str) -> list[str]:
        """The logical ids of the resources of a type."""
        resources = self.template["Resources"].items()
        return [name for name, resource in resources if resource["Type"] == kind]

    @property
    def function(self) -> dict[str, Any]:
        return self.properties("DetectLambdaFunction")

    @property
    def environment(self) -> dict[str, str]:
        variables: dict[str, str] = self.function["Environment"]["Variables"]
        return variables
