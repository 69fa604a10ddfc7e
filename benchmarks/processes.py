"""Runs a command and measures its peak memory; see `run`."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 0.5  # between two measurements


@dataclass(frozen=True)
class Run:
    """A command that has ended.

    seconds: from its start to its end. processor_seconds: of all its processes. driver: the peak
    memory, in bytes, of the Python driver and its JVM together. workers: that of all Python workers
    together. Shared pages count once.
    """

    code: int
    output: str
    seconds: float
    processor_seconds: float
    driver: int
    workers: int


def run(command: Sequence[object], *, environment: dict[str, str] | None = None) -> Run:
    """Runs a command to its end; prints its output if the exit code is neither 0 nor 1."""
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
    used: dict[str, float] = {}
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peaks, used, ended), daemon=True)
    watcher.start()
    output, _ = process.communicate()
    ended.set()
    watcher.join()
    seconds = time.perf_counter() - start
    if process.returncode not in (0, 1):
        print(output, file=sys.stderr)
    return Run(
        process.returncode,
        output,
        seconds,
        sum(used.values()),
        peaks["driver"],
        peaks["workers"],
    )


def _watch(
    session: int, peaks: dict[str, int], used: dict[str, float], ended: threading.Event
) -> None:
    while not ended.wait(_SECONDS):
        current = {"driver": 0, "workers": 0}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if os.getsid(int(folder.name)) == session:
                    current[_part(folder)] += _memory(folder)
                    used[folder.name] = _processor_seconds(folder)
            except (OSError, ValueError):  # the process has ended
                continue
        for part, size in current.items():
            peaks[part] = max(peaks[part], size)


def _part(folder: Path) -> str:
    command = (folder / "cmdline").read_bytes()
    return "workers" if b"pyspark.worker" in command else "driver"


def _memory(folder: Path) -> int:
    """Returns a process's proportional set size, in bytes."""
    for line in (folder / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _processor_seconds(folder: Path) -> float:
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
