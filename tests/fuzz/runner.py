"""Watches workers, and keeps, makes small and tells apart what they find; see `fuzz`."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .worker import REPLAY, make_case

ROOT = Path(__file__).parent.parent.parent
FOUND = ROOT / ".cache" / "fuzz"
_SECONDS_A_CASE = 20  # of wall clock, on a machine that may have others to serve
_SECONDS_TO_MINIMISE = 60
_START = "start"


@dataclass(frozen=True)
class Finding:
    """An input with an outcome that must not be, as small as it could be made, and saved."""

    name: str
    seed: int
    index: int
    what: str
    path: Path


@dataclass
class Summary:
    """What became of a target's inputs."""

    name: str
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    slowest: float = 0.0
    seconds: float = 0.0


def fuzz(
    name: str, count: int, *, seed: int = 0, progress: Callable[[], None] = lambda: None
) -> Summary:
    """Feeds a target with `count` inputs. Of findings alike, only the first is kept."""
    summary, began, known = Summary(name), time.monotonic(), set()
    for index, outcome, seconds in _outcomes(name, seed, count):
        progress()
        summary.slowest = max(summary.slowest, seconds)
        summary.outcomes[outcome.partition(":")[0]] += 1
        if outcome.startswith("bug") and _kind(outcome) not in known:
            known.add(_kind(outcome))
            data = minimise(name, make_case(name, seed, index), outcome)
            summary.findings.append(_keep(Finding(name, seed, index, outcome, Path()), data))
    summary.seconds = time.monotonic() - began
    return summary


def _outcomes(name: str, seed: int, count: int) -> Iterator[tuple[int, str, float]]:
    """Each input's index, outcome and seconds; a worker that dies is replaced after that input."""
    first = 0
    while first < count:
        for index, outcome, seconds in _watch([name, str(seed), str(first), str(count)]):
            yield index, outcome, seconds
            first = index + 1


def _watch(arguments: list[str]) -> Iterator[tuple[int, str, float]]:
    """One worker's outcomes; the last is a bug if it died or did not come to an end."""
    with tempfile.TemporaryFile() as errors:
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        index, began = -1, time.monotonic()
        try:
            for line in _lines(worker):
                word, number, *outcome = line.split(" ", 2)
                if word == "begin":
                    index, began = int(number), time.monotonic()
                else:
                    yield int(number), outcome[0], time.monotonic() - began
                    index = -1
        except TimeoutError:
            yield index, f"bug: no end within {_SECONDS_A_CASE} s", time.monotonic() - began
            return
        finally:
            worker.kill()
            code = worker.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().splitlines()
        if index >= 0:
            why = said[-1] if said else ""
            yield index, f"bug: the process died, {code}: {why}", time.monotonic() - began
        elif code:
            raise RuntimeError(f"a worker for {arguments} cannot start: {said[-5:]}")


def _lines(worker: subprocess.Popen[bytes]) -> Iterator[str]:
    """What a worker writes; TimeoutError if it has nothing to say for too long."""
    assert worker.stdout
    descriptor, rest = worker.stdout.fileno(), b""
    while True:
        if not select.select([descriptor], [], [], _SECONDS_A_CASE)[0]:
            raise TimeoutError
        data = os.read(descriptor, 1 << 16)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        yield from (line.decode() for line in lines)


def _kind(outcome: str) -> str:
    """An outcome without its numbers and names, by which findings are alike."""
    return re.sub(r"'[^']*'|\d+", "", outcome.partition(" MB")[0])[:120]


def replay(name: str, data: bytes) -> str:
    """The outcome of one input, in a process of its own."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        ((_, outcome, _),) = _watch([name, REPLAY, file.name])
    return outcome


def minimise(name: str, data: bytes, outcome: str) -> bytes:
    """Leaves parts out, ever smaller ones, as long as the outcome stays alike."""
    until = time.monotonic() + _SECONDS_TO_MINIMISE
    size = len(data) // 2
    while size and time.monotonic() < until:
        start = 0
        while start < len(data) and time.monotonic() < until:
            shorter = data[:start] + data[start + size :]
            if _kind(replay(name, shorter)) == _kind(outcome):
                data = shorter
            else:
                start += size
        size //= 2
    return data


def _keep(finding: Finding, data: bytes) -> Finding:
    FOUND.mkdir(parents=True, exist_ok=True)
    path = FOUND / f"{finding.name}-{finding.seed}-{finding.index}"
    path.write_bytes(data)
    return Finding(finding.name, finding.seed, finding.index, finding.what, path)
