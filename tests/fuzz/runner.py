"""Watches a worker, and keeps, makes small and tells apart what it finds; start at `fuzz`."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.fuzz.worker import DIED, READY, make_case

ROOT = Path(__file__).parent.parent.parent
FOUND = ROOT / ".cache" / "fuzz"
PATIENCE = 20.0  # seconds of wall clock an input, on a machine that may have others to serve
_SECONDS_TO_START = 120
_SECONDS_TO_MINIMISE = 60


@dataclass(frozen=True)
class Finding:
    """An input with an outcome that must not be, as small as it could be made, and kept."""

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
    name: str,
    count: int,
    *,
    seed: int = 0,
    patience: float = PATIENCE,
    progress: Callable[[], None] = lambda: None,
) -> Summary:
    """Feeds a target with `count` inputs. Of findings alike, only the first is kept.

    patience: seconds after which an input counts as one that has no end.
    """
    summary, began, known = Summary(name), time.monotonic(), set()
    with Worker(name, seed, patience) as worker:
        for index in range(count):
            asked = time.monotonic()
            outcome = worker.ask(f"case {index}")
            summary.slowest = max(summary.slowest, time.monotonic() - asked)
            summary.outcomes[outcome.partition(":")[0]] += 1
            if outcome.startswith("bug") and _kind(outcome) not in known:
                known.add(_kind(outcome))
                data = _minimise(worker, make_case(name, seed, index), outcome)
                path = _keep(f"{name}-{seed}-{index}", data)
                summary.findings.append(Finding(name, seed, index, outcome, path))
            progress()
    summary.seconds = time.monotonic() - began
    return summary


class Worker:
    """A worker, whose child is replaced where it dies."""

    def __init__(self, name: str, seed: int = 0, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._stack = contextlib.ExitStack()
        self._errors = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        self._heard = b""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", name, str(seed)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._stack.enter_context(process)
        assert process.stdin
        assert process.stdout
        self._stack.callback(process.stdin.close)  # at which it ends
        self._input, self._output = process.stdin, process.stdout.fileno()
        self._await_child()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def ask(self, request: str) -> str:
        """The outcome of one input, which is a bug if the child dies of it or does not end."""
        self._input.write(f"{request}\n".encode())
        self._input.flush()
        answer = self._hear(self._patience)
        if not answer:
            os.kill(self._child, signal.SIGKILL)
            self._hear(_SECONDS_TO_START)
            answer = f"bug: no end within {self._patience:g} s"
        elif answer.startswith(DIED):
            answer = f"bug: the process {answer}: {self._last_words()}"
        else:
            return answer
        self._await_child()
        return answer

    def _await_child(self) -> None:
        word, _, number = self._hear(_SECONDS_TO_START).partition(" ")
        if word != READY:
            raise RuntimeError(f"a worker cannot start: {self._last_words()}")
        self._child = int(number)

    def _last_words(self) -> str:
        """The last line that was written to standard error."""
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        return said[-1] if said else ""

    def _hear(self, seconds: float) -> str:
        """The next line; nothing if there is none in time."""
        until = time.monotonic() + seconds
        while b"\n" not in self._heard:
            left = max(0.0, until - time.monotonic())
            if not select.select([self._output], [], [], left)[0]:
                return ""
            data = os.read(self._output, 1 << 16)
            if not data:
                raise RuntimeError(f"a worker is gone: {self._last_words()}")
            self._heard += data
        line, self._heard = self._heard.split(b"\n", 1)
        return line.decode()


def _kind(outcome: str) -> str:
    """An outcome without its numbers and names, by which findings are alike."""
    return re.sub(r"'[^']*'|\d+", "", outcome)[:120]


def _minimise(worker: Worker, data: bytes, outcome: str) -> bytes:
    """Leaves parts out, ever smaller ones, as long as the outcome stays alike."""
    until = time.monotonic() + _SECONDS_TO_MINIMISE
    size = len(data) // 2
    with tempfile.NamedTemporaryFile() as file:
        while size and time.monotonic() < until:
            start = 0
            while start < len(data) and time.monotonic() < until:
                shorter = data[:start] + data[start + size :]
                Path(file.name).write_bytes(shorter)
                if _kind(worker.ask(f"file {file.name}")) == _kind(outcome):
                    data = shorter
                else:
                    start += size
            size //= 2
    return data


def _keep(name: str, data: bytes) -> Path:
    FOUND.mkdir(parents=True, exist_ok=True)
    path = FOUND / name
    path.write_bytes(data)
    return path
