"""The function as it is deployed, and the naive one on the same Python; start at `deployed_sides`.

Python 3.13, the layer, the package that the Serverless Framework makes, and bytecode.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.cli.local_aws.moto_server import MotoServer

from .stage import CACHE, NAIVE, ROOT, Side, model_folder

_RUNTIME = ROOT / ".venv-lambda"  # Python 3.13 with the runtime client
_BASELINE = ROOT / ".venv-opencv4-lambda"  # the same with what the naive function needs
_SERVERLESS = ROOT / "node_modules" / ".bin" / "serverless"
_PLACE = CACHE / "deployed"


class DeployedError(Exception):
    """The deployed package cannot be made or run here; the message says what is missing."""


@dataclass(frozen=True)
class Deployed:
    """The functions that are compared. layer: "slim" or "stock", which ours have."""

    naive: Side
    ours: Side
    bundled: Side
    layer: str


def deployed_sides(network: str) -> Deployed:
    """Packages our function twice, with the model in the bucket and in the package; unpacks both.

    Raises:
        DeployedError: a layer, a Python or the Serverless Framework is missing.
    """
    for needed, command in (
        (_RUNTIME / "installed", "make .venv-lambda/installed"),
        (_BASELINE / "installed", "make .venv-opencv4-lambda/installed"),
        (_SERVERLESS, "make setup"),
    ):
        if not needed.exists():
            raise DeployedError(f"{needed} is missing: {command}")
    layer, archive = _layer()
    folder = _unpack(archive, _PLACE / layer)
    python = _RUNTIME / "bin" / "python"
    path = (folder / "python",)
    model = ["--param", "model=bundled", "--param", f"modelFolder={model_folder(network)}"]
    ours, bundled = (
        Side(name, python, _package(name, layer, given) / OURS_HANDLER, path, variables)
        for name, given, variables in (
            ("ours", [], {}),
            ("ours, bundled model", model, {"MODEL": "bundled"}),
        )
    )
    naive = _PLACE / "naive"
    naive.mkdir(exist_ok=True)
    shutil.copy(NAIVE.handler, naive)
    baseline = _BASELINE / "bin" / "python"
    # As Lambda's runtime and our package have it; pip or the environment may have left it out
    _compile(baseline, naive, _BASELINE / "lib")
    _compile(python, _RUNTIME / "lib")
    return Deployed(Side("naive", baseline, naive / NAIVE.handler.name), ours, bundled, layer)


OURS_HANDLER = "lambda_function.py"


def _layer() -> tuple[str, Path]:
    """Returns the kind and the zip of the smallest layer that is built."""
    architecture = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    for kind in ("slim", "stock"):
        archive = ROOT / "layers" / "dist" / f"opencv-{kind}-{architecture}.zip"
        if archive.exists():
            return kind, archive
    raise DeployedError("no layer is built: make layer, or make layer KIND=stock")


def _package(name: str, layer: str, params: Sequence[str]) -> Path:
    """Returns the folder with the unpacked package of these parameters."""
    folder = _PLACE / name.replace(", ", "-").replace(" ", "-")
    with MotoServer() as server:
        command: list[str | Path] = [_SERVERLESS, "package", "--package", f"{folder}.package"]
        run = subprocess.run(
            [*command, "--param", f"layer={layer}", *params],
            cwd=ROOT,
            env={
                **os.environ,
                **server.environment,
                "LAYER_PYTHON": str(_RUNTIME / "bin" / "python"),
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    if run.returncode:
        raise DeployedError(f"the package cannot be made: {run.stdout}{run.stderr}")
    return _unpack(Path(f"{folder}.package", "object-detection.zip"), folder)


def _unpack(archive: Path, folder: Path) -> Path:
    if folder.exists():
        shutil.rmtree(folder)
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return folder


def _compile(python: Path, *folders: Path) -> None:
    subprocess.run([python, "-m", "compileall", "-q", *folders], check=False)
