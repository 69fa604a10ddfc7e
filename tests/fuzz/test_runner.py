"""The fuzzer finds planted bugs of each kind."""

from pathlib import Path

import pytest

from tests.fuzz import runner
from tests.fuzz.planted import TRIGGER
from tests.fuzz.runner import Worker, fuzz
from tests.fuzz.worker import make_case


@pytest.fixture(autouse=True)
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for findings, instead of the developer's own."""
    monkeypatch.setattr(runner, "FOUND", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("_die", "bug: the process died -6"),
        ("_hang", "bug: no end within 2 s"),
        ("_take_memory", "bug: memory, "),
        ("_raise_unexpected", "bug: KeyError in planted.py:"),
        ("_refuse_without_reason", "bug: a refusal without a reason"),
    ],
)
def test_a_bug_is_found_named_minimised_and_kept(name: str, what: str, found: Path) -> None:
    # An input that does not hang may take as long as it likes on a busy machine
    timeout = 2 if name == "_hang" else 120
    summary = fuzz(name, 8, timeout=timeout)

    assert summary.outcomes.total() == 8
    assert summary.outcomes["bug"] >= 1
    assert summary.outcomes["result"] >= 1
    (finding,) = summary.findings
    assert finding.what.startswith(what)
    assert finding.path.parent == found
    assert finding.path.read_bytes() == TRIGGER
    with Worker(name, timeout=timeout) as worker:
        assert worker.ask(f"file {finding.path}").startswith(what)


def test_the_same_seed_gives_the_same_inputs_and_another_seed_others() -> None:
    cases = [[make_case("image", seed, index) for index in range(20)] for seed in (1, 1, 2)]

    assert cases[0] == cases[1]
    assert cases[0] != cases[2]
