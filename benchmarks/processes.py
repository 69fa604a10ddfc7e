"""Runs a command and watches its memory; see `run`."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 0.5  # between two looks


@dataclass(frozen=True)
class Run:
    """A command that has ended.

    seconds: from its start to its end. driver, workers: the most memory, in bytes, that the Python
    driver and its JVM had together, and that all Python workers had, shared pages counted once.
    """

    code: int
    output: str
    seconds: float
    driver: int
    workers: int


def run(command: Sequence[object], *, environment: dict[str, str] | None = None) -> Run:
    """Runs a command to its end."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    peaks = {"driver": 0, "workers": 0}
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peaks, over), daemon=True)
    watcher.start()
    output, _ = process.communicate()
    over.set()
    watcher.join()
    seconds = time.perf_counter() - start
    if process.returncode not in (0, 1):
        print(output, file=sys.stderr)
    return Run(process.returncode, output, seconds, peaks["driver"], peaks["workers"])


def _watch(session: int, peaks: dict[str, int], over: threading.Event) -> None:
    while not over.wait(_SECONDS):
        now = {"driver": 0, "workers": 0}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if os.getsid(int(folder.name)) == session:
                    now[_part(folder)] += _memory(folder)
            except (OSError, ValueError):  # it has ended
                continue
        for part, size in now.items():
            peaks[part] = max(peaks[part], size)


def _part(folder: Path) -> str:
    command = (folder / "cmdline").read_bytes()
    return "workers" if b"pyspark.worker" in command else "driver"


def _memory(folder: Path) -> int:
    """Its proportional set size, in bytes."""
    for line in (folder / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
