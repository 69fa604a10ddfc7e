"""The commands work in a checkout whose path has a space; test_recipes.py runs the others there."""

from tests.project.recipes import Checkout


def test_the_linters_start(checkout: Checkout) -> None:
    run = checkout.run(".venv/bin/ruff check --select E9 . && .venv/bin/lint-imports --no-logo")

    assert run.returncode == 0, run.stdout + run.stderr


def test_the_layer_scripts_get_their_arguments(checkout: Checkout) -> None:
    wrong = checkout.run("make layer KIND=wrong")
    other = checkout.run("make layer KIND=stock", {"LAYER_PYTHON": "/no such folder/python"})

    assert wrong.returncode == other.returncode == 2
    assert "usage: layers/opencv/build.sh slim|stock" in wrong.stderr
    assert "'/no such folder/python' is not a working Python 3.13" in other.stderr


def test_make_names_the_python_of_lambda_as_one_argument(checkout: Checkout) -> None:
    printed = checkout.run("make --dry-run local").stdout

    assert f'--python "{checkout.path}/.venv-lambda/bin/python"' in printed
