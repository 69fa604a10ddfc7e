"""The examples in docstrings run, and print what they say."""

import doctest
import importlib

import pytest

from tests.conftest import ROOT

MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("modules", "layers", "demo", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if ">>>" in path.read_text() and "build" not in path.parts
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_run(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)

    assert outcome.attempted > 0
    assert outcome.failed == 0
