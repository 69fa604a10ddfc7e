"""A slice of what `make fuzz` runs: no input crashes, hangs, swells or surprises."""

import pytest

from tests.fuzz.runner import fuzz
from tests.fuzz.targets import TARGETS

SLICE = {"image": 400, "event": 1000, "cfg": 150, "onnx": 100, "weights": 250}


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_inputs_have_a_result_or_a_clear_refusal(name: str) -> None:
    summary = fuzz(name, SLICE[name])

    assert not summary.findings, [(found.what, str(found.path)) for found in summary.findings]
    assert summary.outcomes["result"] > 0
    assert summary.outcomes["refused"] > 0


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_come_from_some_that_work(name: str) -> None:
    """Damage says nothing about inputs that were refused to begin with."""
    target = TARGETS[name]
    works = 0
    for seed in target.seeds():
        try:
            target.run(seed)
            works += 1
        except target.refusals:
            pass

    assert works >= len(target.seeds()) / 2
