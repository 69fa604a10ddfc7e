"""Runs a target in a subprocess, one input per line of standard input; start at `main`.

`case INDEX` runs one of the target's random inputs, `file PATH` one that was kept. The answer is a
line with the outcome: `result`, `refused`, or `bug:` and what is wrong. Inputs are run in a forked
child, because forking is faster than starting a new process. `ready PID` says that a child has
started, `died CODE` that it has died.
"""

from __future__ import annotations

import os
import re
import resource
import sys
import traceback
from pathlib import Path
from random import Random

import cv2

from tests.fuzz.planted import PLANTED
from tests.fuzz.targets import TARGETS, Target

_TARGETS = TARGETS | PLANTED
_ADDRESS_SPACE = 4 << 30  # bytes; larger allocations fail before they harm the machine
_PROCESS = Path("/proc/self")
READY, DIED = "ready", "died"


def make_case(name: str, seed: int, index: int) -> bytes:
    """Returns one of a target's inputs; always the same for the same arguments."""
    return _TARGETS[name].case(Random(f"{name}/{seed}/{index}"))


def run_input(target: Target, data: bytes) -> str:
    """Runs one input; returns its outcome."""
    (_PROCESS / "clear_refs").write_text("5")  # resets the peak of memory
    before = _memory("VmHWM")
    try:
        target.run(data)
        outcome = "result"
    except target.refusals as error:
        outcome = "refused" if str(error).strip() else "bug: a refusal without a reason"
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        what = (str(error).splitlines() or [""])[0]
        file = Path(place.filename).name
        outcome = f"bug: {type(error).__name__} in {file}:{place.lineno}: {what}"
    taken = _memory("VmHWM") - before
    return f"bug: memory, {taken >> 20} MB" if taken > target.max_memory else outcome


def _memory(name: str) -> int:
    """Reads a field of this process's memory status from Linux, in bytes."""
    (kilobytes,) = re.findall(rf"{name}:\s+(\d+) kB", (_PROCESS / "status").read_text())
    return int(kilobytes) * 1024


def main(name: str, seed: str) -> None:
    """Runs inputs until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # libraries may write to standard output, too
    while child := os.fork():
        _, status = os.waitpid(child, 0)
        if not status:
            return
        print(f"{DIED} {os.waitstatus_to_exitcode(status)}", file=answers)
    target = _TARGETS[name]
    cv2.setNumThreads(1)
    run_input(
        target, target.seeds()[0]
    )  # loads lazily imported code, so that no input is charged for it
    limit = _memory("VmSize") + _ADDRESS_SPACE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    print(f"{READY} {os.getpid()}", file=answers)
    for line in sys.stdin:
        kind, what = line.rstrip("\n").split(" ", 1)
        data = make_case(name, int(seed), int(what)) if kind == "case" else Path(what).read_bytes()
        print(run_input(target, data), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
