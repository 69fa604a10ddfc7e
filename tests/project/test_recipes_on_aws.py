"""Every recipe of the documentation for an AWS account works as it is written.

The recipes use one AWS of this machine, with the function in Lambda's own runtime client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from modules.cli.local_aws.aws import LocalAws
from tests.deployment.stack import find_python
from tests.project.recipe_table import BUCKET, FIRST, JOINED, ON_AWS, check, require
from tests.project.recipes import Recipe


class Account:
    """An AWS of this machine that recipes deploy to.

    It has a bucket, `pictures-of-mine`, for the recipes that need one.
    """

    def __init__(self, aws: LocalAws, run: Callable[[Recipe, dict[str, str]], str]) -> None:
        self._aws = aws
        self._run = run
        self._first: str | None = None
        aws.client("s3").create_bucket(Bucket=JOINED)

    def run(self, recipe: Recipe) -> str:
        """Runs a recipe after the one for an empty account; returns what it printed."""
        environment = {**self._aws.environment, "BUCKET": BUCKET}
        if self._first is None:
            self._first = self._run(FIRST, environment)
        return self._first if recipe == FIRST else self._run(recipe, environment)


@pytest.fixture(scope="module")
def account(
    run_recipe: Callable[[Recipe, dict[str, str]], str],
) -> Iterator[Account]:
    with LocalAws(python=find_python(), retry_seconds=0.2) as aws:
        yield Account(aws, run_recipe)


@pytest.mark.parametrize("recipe", ON_AWS, ids=str)
def test_a_recipe_for_an_account_works_as_it_is_written(
    recipe: Recipe, request: pytest.FixtureRequest
) -> None:
    for needed in (FIRST, recipe):
        require(needed, request)
    account: Account = request.getfixturevalue("account")

    printed = account.run(recipe)

    check(recipe, printed)
