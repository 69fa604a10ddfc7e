"""All recipes of the documentation, and what is known about each of them.

`ON_THIS_MACHINE` and `ON_AWS` are the recipes; `RUN_ELSEWHERE`, `PACKAGED` and `EXPECTED` are the
exceptions and the expected outputs.
"""

from __future__ import annotations

import pytest

from modules.errors import JobError
from modules.spark.session.java import java_home
from tests.project.recipes import PAGES, Recipe, read_recipes

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
    "docs/http.md: From a shell": ["demo/street.jpg\tstop sign", '"label": "stop sign"'],
    "docs/models.md: Retrain, compare, push": [
        "mAP@0.5:0.95",
        "all classes\t",
        "s3://pictures-of-mine/models/fruits/",
    ],
    "docs/models.md: Into the bucket": ["s3://pictures-of-mine/models/fruits/"],
}

BUCKET = "object-detection-dev-123456789012-us-east-1"
JOINED = "pictures-of-mine"
_ON_AWS = r"^npx serverless (?!invoke local)|\$BUCKET|s3://BUCKET|modules redrive"
_DEPLOYS = r"^npx serverless deploy"
_REMOVES = r"^npx serverless remove"
FIRST = next(
    recipe for recipe in RECIPES if recipe.heading == "From an empty account to the first picture"
)


def _order(recipe: Recipe) -> tuple[bool, bool, bool]:
    """The first deployment comes first, then what uses it, then other deployments and removal."""
    return recipe != FIRST, recipe.uses(_REMOVES), recipe.uses(_DEPLOYS)


ON_AWS = sorted((recipe for recipe in RECIPES if recipe.uses(_ON_AWS)), key=_order)
ON_THIS_MACHINE = [recipe for recipe in RECIPES if recipe not in ON_AWS]


def check(recipe: Recipe, printed: str) -> None:
    for text in EXPECTED.get(str(recipe), ()):
        assert text in printed, f"{recipe} has not printed {text!r}:\n{printed}"


def require(recipe: Recipe, request: pytest.FixtureRequest) -> None:
    """Skips the test if something that the recipe needs is not on this machine."""
    for name in ("yolo-fastest-1.1-xl", "yolox-nano"):
        if recipe.uses(name):
            request.getfixturevalue("shared")(f"models/{name}")
    if recipe.uses("modules batch"):
        try:
            java_home()
        except JobError as error:
            pytest.skip(str(error))
    if recipe.uses(f"{_DEPLOYS}|^make local"):
        request.getfixturevalue("lambda_runtime")
