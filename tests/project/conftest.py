"""The checkout in which recipes run, and what they need there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.deployment.stack import LAYERS, find_layer, find_python
from tests.project.recipe_table import JOINED, PACKAGED, RUN_ELSEWHERE
from tests.project.recipes import Checkout, Recipe, is_empty, to_script
from tests.resnet50 import write_resnet50


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy of the project with what `make setup`, `make batch` and `make layer` have made."""
    for name in (".venv/installed", ".venv/batch", "node_modules/installed"):
        if not (ROOT / name).exists():
            pytest.skip("recipes use .venv and node_modules, which `make setup batch` makes")
    shared = Path(os.environ.get("SHARED_DATA") or ROOT.parent / "shared")
    real = {"SHARED_DATA": str(shared), "MODEL_MIRROR": str(shared / "models")}
    return Checkout(tmp_path_factory.mktemp("recipes"), real if shared.exists() else {})


@pytest.fixture(scope="module")
def substitutions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What replaces the placeholders."""
    folder = tmp_path_factory.mktemp("own")
    pictures, resnet50 = folder / "pictures", folder / "resnet50"
    pictures.mkdir()
    for name in ("street.jpg", "market-7.jpg", "market-10.jpg"):
        shutil.copy(ROOT / "demo" / name, pictures)
    return {
        "path/to/pictures": str(pictures),
        "path/to/model": "demo/fruits",
        # as large a network as the one that is downloaded would take its time
        "--model resnet50": f"--model '{write_resnet50(resnet50, width=16)}'",
        "s3://BUCKET": f"s3://{JOINED}",
    }


@pytest.fixture(scope="module")
def run_recipe(
    checkout: Checkout, substitutions: dict[str, str]
) -> Callable[[Recipe, dict[str, str]], str]:
    """Runs a recipe; returns what it printed."""

    def run(recipe: Recipe, environment: dict[str, str]) -> str:
        script = to_script(recipe, substitutions, set(RUN_ELSEWHERE))
        if is_empty(script):
            pytest.skip("all its commands are run elsewhere")
        if str(recipe) in PACKAGED:
            script = script.replace("npx serverless deploy", "npx serverless package")
        done = checkout.run(script, environment)
        assert done.returncode == 0, f"{recipe}\n{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="module")
def lambda_runtime(checkout: Checkout) -> None:
    """Lambda's Python and the layers, as `make layer` has built them."""
    built = find_layer()
    checkout.link(".venv-lambda", find_python().parent.parent)
    for arch in ("x86_64", "arm64"):
        for kind in ("opencv-slim", "opencv-stock", "onnxruntime"):
            name = f"{kind}-{arch}.zip"
            # Compiling the slim layer takes half an hour: another one stands in for what is missing
            found = (
                LAYERS / name if (LAYERS / name).exists() else LAYERS / f"opencv-{built}-x86_64.zip"
            )
            checkout.link(f"layers/dist/{name}", found)
