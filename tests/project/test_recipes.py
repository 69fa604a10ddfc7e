"""Every recipe of the documentation works as it is written; recipes.py reads and runs them.

A recipe that needs real data, Java, a layer or Lambda's Python is skipped where that is missing.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import ROOT
from tests.project.recipe_table import (
    EXPECTED,
    ON_AWS,
    ON_THIS_MACHINE,
    PACKAGED,
    RECIPES,
    RUN_ELSEWHERE,
    check,
    require,
)
from tests.project.recipes import Recipe


def test_the_documentation_has_recipes() -> None:
    assert len(RECIPES) > 15
    assert {recipe.page for recipe in ON_AWS} >= {"README.md", "docs/deployment.md"}
    assert {str(recipe) for recipe in RECIPES} >= {*EXPECTED, *PACKAGED}


def test_what_is_run_elsewhere_is_shown_and_run_there() -> None:
    shown = {command for recipe in RECIPES for command in recipe.commands}

    for command, (file, _) in RUN_ELSEWHERE.items():
        assert command in shown
        assert command in (ROOT / file).read_text(), f"{file} does not run {command}"


@pytest.mark.parametrize("recipe", ON_THIS_MACHINE, ids=str)
def test_a_recipe_works_as_it_is_written(
    recipe: Recipe,
    run_recipe: Callable[[Recipe, dict[str, str]], str],
    request: pytest.FixtureRequest,
) -> None:
    require(recipe, request)

    printed = run_recipe(recipe, {})

    check(recipe, printed)
