"""A part of `make fuzz`: no input causes a crash, a hang, high memory use or a strange error."""

import pytest

from tests.fuzz.runner import fuzz
from tests.fuzz.targets import TARGETS

COUNTS = {
    "image": 400,
    "heif": 250,
    "avif": 250,
    "jpeg2000": 250,
    "gif": 250,
    "netpbm": 250,
    "event": 1000,
    "cfg": 150,
    "onnx": 100,
    "weights": 250,
}


@pytest.mark.parametrize("name", TARGETS)
def test_every_damaged_input_has_a_result_or_a_clear_refusal(name: str) -> None:
    summary = fuzz(name, COUNTS[name])

    assert not summary.findings, [(found.what, str(found.path)) for found in summary.findings]
    assert summary.outcomes["result"] > 0
    assert summary.outcomes["refused"] > 0


@pytest.mark.parametrize("name", TARGETS)
def test_at_least_half_of_the_seeds_have_a_result(name: str) -> None:
    """Fuzzing tests nothing if the inputs are refused even before they are damaged."""
    target = TARGETS[name]
    works = 0
    for seed in target.seeds():
        try:
            target.run(seed)
            works += 1
        except target.refusals:
            pass

    assert works >= len(target.seeds()) / 2
