"""Compares a Spark job with bare loops on the same images; see `against_loop`."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.batch_inputs import ROOT
from benchmarks.processes import Run, run

CORES = 2
JOB = [sys.executable, "-m", "modules", "batch"]
LOOP = [sys.executable, ROOT / "benchmarks" / "batch_loops.py"]

# The last line of the jobs over images
DONE = r"([\d,]+) of [\d,]+ images done in ([\d,.]+) s"

Rows = Iterator[tuple[str, str]]


def against_loop(
    what: str,
    jobs: list[list[object]],
    loop: list[object],
    *,
    environment: dict[str, str] | None = None,
) -> Rows:
    """Compares a job on two cores with twice one bare loop, and with two bare loops at once.

    Args:
        what: the job and its images.
        jobs: the command over few images, and over all, without its output. What the second takes
            longer than the first is the steady state, without Spark's start, the listing and the
            warming up of Java.
        loop: the command of the loop.
        environment: variables that both need.
    """
    before = [rates(loop, 1, environment)[0], sum(rates(loop, 2, environment))]
    ended = []
    for job in jobs:
        with tempfile.TemporaryDirectory() as folder:
            command = [*job, "--output", Path(folder, "out"), "--master", f"local[{CORES}]"]
            ended.append(run(command, environment=environment))
    after = [rates(loop, 1, environment)[0], sum(rates(loop, 2, environment))]
    one, two = (statistics.mean(pair) for pair in zip(before, after, strict=True))
    (few, few_seconds), (images, seconds) = (numbers(run, DONE) for run in ended)
    rate, steady = images / seconds, (images - few) / (seconds - few_seconds)
    yield f"{what}: images/s, two cores, steady state", f"{steady:,.1f}"
    yield f"{what}: images/s, two cores, with warming up", f"{rate:,.1f}"
    yield f"{what}: images/s, one bare loop", f"{one:,.1f} ({before[0]:,.1f}, {after[0]:,.1f})"
    both = f"both loops: {before[1]:,.1f}, {after[1]:,.1f}"
    yield f"{what}: steady state / two bare loops at once", f"{steady / two:.2f} ({both})"
    yield f"{what}: with warming up / (two bare loops at once)", f"{rate / two:.2f}"
    yield f"{what}: steady state / (2 x one bare loop)", f"{steady / (2 * one):.2f}"
    yield f"{what}: seconds of the rounds", f"{seconds:,.1f}"
    start = ended[1].seconds - seconds
    yield f"{what}: seconds of Spark's start, the listing and the report", f"{start:,.1f}"
    yield f"{what}: most memory", memory(ended[1])


def rates(loop: list[object], count: int, environment: dict[str, str] | None) -> list[float]:
    """Returns the images per second of each of `count` loops that run at the same time."""
    command = [str(part) for part in loop]
    processes = [
        subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    return [float(process.communicate()[0]) for process in processes]


def rate_of(ended: Run) -> float:
    """Returns the images per second, from the job's output."""
    images, seconds = numbers(ended, DONE)
    return images / seconds


def numbers(ended: Run, pattern: str) -> list[float]:
    """Returns the numbers that a pattern matches in a job's output."""
    found = re.search(pattern, ended.output)
    if found is None:
        raise RuntimeError(f"the job failed:\n{ended.output}")
    return [float(text.replace(",", "")) for text in found.groups()]


def memory(ended: Run) -> str:
    """Describes the peak memory of a job."""
    return f"driver {ended.driver / 1e6:,.0f} MB, {CORES} workers {ended.workers / 1e6:,.0f} MB"


def list_targets(
    known: Mapping[str, Iterable[Sequence[str]]], targets: Mapping[str, float]
) -> Iterator[str]:
    """Yields the lines of a table of ratios and their targets, the missed ones first.

    Args:
        known: measure -> its rows.
        targets: measure -> the least ratio to two bare loops at once.
    """
    yield "| ratio | target | measured | |"
    yield "|---|---|---|---|"
    found = []
    for measure, target in targets.items():
        for what, figure in known.get(measure, ()):
            if what.endswith("/ two bare loops at once"):
                ratio = float(figure.split()[0])
                result = "reached" if ratio >= target else "missed"
                found.append((ratio >= target, f"| {what} | {target} | {ratio:.2f} | {result} |"))
    yield from (line for _, line in sorted(found, key=lambda item: item[0]))
