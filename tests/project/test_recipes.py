"""Every recipe of the documentation works as it is written; recipes.py reads and runs them.

A recipe that needs real data, Java, a layer or Lambda's Python is skipped where that is missing.
Recipes that deploy use one AWS of this machine, with the function in Lambda's own runtime client.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modules.cli.local_aws.aws import LocalAws
from modules.errors import JobError
from modules.spark.session.java import java_home
from tests.conftest import ROOT
from tests.deployment.stack import LAYERS, find_layer, find_python
from tests.project.recipes import PAGES, Checkout, Recipe, is_empty, read_recipes, to_script
from tests.resnet50 import write_resnet50

RECIPES = [recipe for page in PAGES for recipe in read_recipes(page)]

# Commands that no test can run: where they are run, and why not here
RUN_ELSEWHERE = {
    "make layer KIND=stock": (".ci/run", "takes a minute; the tests use what it has built"),
    "make layer KIND=stock ARCH=arm64": (".ci/run", "the same"),
    "make layer KIND=onnxruntime ARCH=arm64": (".ci/run", "the same"),
    "make train MINUTES=60": (".gitlab-ci.yml", "takes an hour, and 3 GB of PyTorch"),
}

# moto cannot deploy these, so only the package is made. It has no custom resources, with which an
# existing bucket is joined (tests/deployment/test_joined_bucket.py runs that one), and refuses that
# osls declares a dependency of SnapStart's alias twice.
PACKAGED = {"docs/deployment.md: An existing bucket", "docs/deployment.md: SnapStart"}

# What a line of the output must contain, besides the exit code
EXPECTED = {
    "README.md: Try it": ["tomato 99%", "stop sign"],
    "README.md: Your own pictures": ['"label": "stop sign"'],
    "README.md: Deploy it": ["input/street.jpg\tstop sign"],
    "README.md: Without an account": ["input/market-7.jpg\ttomato"],
    "README.md: Debug the function": ["input/market-7.jpg\ttomato", '"done": ['],
    "docs/deployment.md: From an empty account to the first picture": [
        "Bucket: object-detection-dev-123456789012-us-east-1",
        "input/street.jpg\tstop sign",
    ],
    "docs/deployment.md: When something fails": ['"message":"done"', '"skipped": ['],
    "docs/models.md: Into the bucket": ["s3://pictures-of-mine/models/fruits/"],
}

_BUCKET = "object-detection-dev-123456789012-us-east-1"
_JOINED = "pictures-of-mine"
_ON_AWS = r"^npx serverless (?!invoke local)|\$BUCKET|s3://BUCKET|modules redrive"
_DEPLOYS = r"^npx serverless deploy"
_REMOVES = r"^npx serverless remove"
_FIRST = next(
    recipe for recipe in RECIPES if recipe.heading == "From an empty account to the first picture"
)


def _order(recipe: Recipe) -> tuple[bool, bool, bool]:
    """The first deployment comes first, then what uses it, then other deployments and removal."""
    return recipe != _FIRST, recipe.uses(_REMOVES), recipe.uses(_DEPLOYS)


ON_AWS = sorted((recipe for recipe in RECIPES if recipe.uses(_ON_AWS)), key=_order)
ON_THIS_MACHINE = [recipe for recipe in RECIPES if recipe not in ON_AWS]


def test_the_documentation_has_recipes() -> None:
    assert len(RECIPES) > 15
    assert {recipe.page for recipe in ON_AWS} >= {"README.md", "docs/deployment.md"}
    assert {str(recipe) for recipe in RECIPES} >= {*EXPECTED, *PACKAGED}


def test_what_is_run_elsewhere_is_shown_and_run_there() -> None:
    shown = {command for recipe in RECIPES for command in recipe.commands}

    for command, (file, _) in RUN_ELSEWHERE.items():
        assert command in shown
        assert command in (ROOT / file).read_text(), f"{file} does not run {command}"


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
        "s3://BUCKET": f"s3://{_JOINED}",
    }


class Account:
    """An AWS of this machine that recipes deploy to.

    It has a bucket, `pictures-of-mine`, for the recipes that need one.
    """

    def __init__(self, aws: LocalAws, run: Callable[[Recipe, dict[str, str]], str]) -> None:
        self._aws = aws
        self._run = run
        self._first: str | None = None
        aws.client("s3").create_bucket(Bucket=_JOINED)

    def run(self, recipe: Recipe) -> str:
        """Runs a recipe after the one for an empty account; returns what it printed."""
        environment = {**self._aws.environment, "BUCKET": _BUCKET}
        if self._first is None:
            self._first = self._run(_FIRST, environment)
        return self._first if recipe == _FIRST else self._run(recipe, environment)


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
def account(
    run_recipe: Callable[[Recipe, dict[str, str]], str],
) -> Iterator[Account]:
    with LocalAws(python=find_python(), retry_seconds=0.2) as aws:
        yield Account(aws, run_recipe)


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


def check(recipe: Recipe, printed: str) -> None:
    for text in EXPECTED.get(str(recipe), ()):
        assert text in printed, f"{recipe} has not printed {text!r}:\n{printed}"


def require(recipe: Recipe, request: pytest.FixtureRequest) -> None:
    """Skips the test if something that the recipe needs is not on this machine."""
    if recipe.uses("yolo-fastest"):
        request.getfixturevalue("shared")("models/yolo-fastest-1.1-xl")
    if recipe.uses("modules batch"):
        try:
            java_home()
        except JobError as error:
            pytest.skip(str(error))
    if recipe.uses(f"{_DEPLOYS}|^make local"):
        request.getfixturevalue("lambda_runtime")


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param(recipe, id=str(recipe), marks=pytest.mark.xdist_group(recipe.page))
        for recipe in ON_THIS_MACHINE
    ],
)
def test_a_recipe_works_as_it_is_written(
    recipe: Recipe,
    run_recipe: Callable[[Recipe, dict[str, str]], str],
    request: pytest.FixtureRequest,
) -> None:
    require(recipe, request)

    printed = run_recipe(recipe, {})

    check(recipe, printed)


@pytest.mark.xdist_group("recipes that deploy")
@pytest.mark.parametrize("recipe", ON_AWS, ids=str)
def test_a_recipe_for_an_account_works_as_it_is_written(
    recipe: Recipe, request: pytest.FixtureRequest
) -> None:
    for needed in (_FIRST, recipe):
        require(needed, request)
    account: Account = request.getfixturevalue("account")

    printed = account.run(recipe)

    check(recipe, printed)
