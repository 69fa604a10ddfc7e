"""Watches a worker; keeps, minimises and deduplicates the bugs it finds; start at `fuzz`."""

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
TIMEOUT = 20.0  # seconds of wall clock per input; generous, because the machine may be busy
_SECONDS_TO_START = 120
_SECONDS_TO_MINIMISE = 60


@dataclass(frozen=True)
class Finding:
    """A bug. path: the input that shows it, minimised."""

    name: str
    seed: int
    index: int
    what: str
    path: Path


@dataclass
class Summary:
    """The outcomes of a target's inputs. slowest: seconds of the slowest input."""

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
    timeout: float = TIMEOUT,
    progress: Callable[[], None] = lambda: None,
) -> Summary:
    """Runs a target on `count` inputs. Keeps only the first of several similar findings.

    An input that takes more than `timeout` seconds counts as a bug. `progress` is called after
    each input.
    """
    summary, began, known = Summary(name), time.monotonic(), set()
    with Worker(name, seed, timeout) as worker:
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
    """A worker process, which starts a new child when a bug kills the old one."""

    def __init__(self, name: str, seed: int = 0, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._stack = contextlib.ExitStack()
        self._errors = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        self._buffer = b""
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
        self._stack.callback(process.stdin.close)  # ends the process
        self._input, self._output = process.stdin, process.stdout.fileno()
        self._await_child()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def ask(self, request: str) -> str:
        """Runs one input; returns its outcome: a bug, if the child dies or does not end."""
        self._input.write(f"{request}\n".encode())
        self._input.flush()
        answer = self._read_line(self._timeout)
        if not answer:
            os.kill(self._child, signal.SIGKILL)
            self._read_line(_SECONDS_TO_START)
            answer = f"bug: no end within {self._timeout:g} s"
        elif answer.startswith(DIED):
            answer = f"bug: the process {answer}: {self._last_error_line()}"
        else:
            return answer
        self._await_child()
        return answer

    def _await_child(self) -> None:
        word, _, number = self._read_line(_SECONDS_TO_START).partition(" ")
        if word != READY:
            raise RuntimeError(f"a worker cannot start: {self._last_error_line()}")
        self._child = int(number)

    def _last_error_line(self) -> str:
        """Returns the last line that the worker wrote to standard error."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _read_line(self, seconds: float) -> str:
        """Returns the next line; an empty text if there is none within `seconds`."""
        until = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            left = max(0.0, until - time.monotonic())
            if not select.select([self._output], [], [], left)[0]:
                return ""
            data = os.read(self._output, 1 << 16)
            if not data:
                raise RuntimeError(f"a worker has exited: {self._last_error_line()}")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line.decode()


def _kind(outcome: str) -> str:
    """Returns an outcome without numbers and quoted names; similar findings have the same kind."""
    return re.sub(r"'[^']*'|\d+", "", outcome)[:120]


def _minimise(worker: Worker, data: bytes, outcome: str) -> bytes:
    """Removes ever smaller parts of the input while the outcome stays of the same kind."""
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
