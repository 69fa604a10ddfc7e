"""Feeds a target in a process of its own, one input a line of its standard input; see `main`.

`case INDEX` asks for one of the target's own inputs, `file PATH` for one that was kept. The answer
is its outcome, in a line: `result`, `refused`, or `bug:` and what is wrong. Inputs are fed to a
child, as forking takes less time than starting anew: `ready PID` says that there is one, `died
CODE` that it is gone.
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
_ADDRESS_SPACE = 4 << 30  # beyond it allocations fail, before the machine suffers
_PROCESS = Path("/proc/self")
READY, DIED = "ready", "died"


def make_case(name: str, seed: int, index: int) -> bytes:
    """One of a target's inputs; the same for the same numbers."""
    return _TARGETS[name].case(Random(f"{name}/{seed}/{index}"))


def judge(target: Target, data: bytes) -> str:
    """Feeds one input; returns its outcome."""
    (_PROCESS / "clear_refs").write_text("5")  # the peak of memory starts anew
    before = _memory("VmHWM")
    try:
        target.run(data)
        outcome = "result"
    except target.refusals as error:
        outcome = "refused" if str(error).strip() else "bug: a refusal that does not say why"
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        what = (str(error).splitlines() or [""])[0]
        file = Path(place.filename).name
        outcome = f"bug: {type(error).__name__} in {file}:{place.lineno}: {what}"
    taken = _memory("VmHWM") - before
    return f"bug: memory, {taken >> 20} MB" if taken > target.room else outcome


def _memory(name: str) -> int:
    """What Linux says of this process's memory under a name, in bytes."""
    (kilobytes,) = re.findall(rf"{name}:\s+(\d+) kB", (_PROCESS / "status").read_text())
    return int(kilobytes) * 1024


def main(name: str, seed: str) -> None:
    """Answers for a target until there is no more input."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # libraries have things to say, too
    while child := os.fork():
        _, status = os.waitpid(child, 0)
        if not status:
            return
        print(f"{DIED} {os.waitstatus_to_exitcode(status)}", file=answers)
    target = _TARGETS[name]
    cv2.setNumThreads(1)
    judge(target, target.seeds()[0])  # what is loaded once counts for no input
    limit = _memory("VmSize") + _ADDRESS_SPACE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    print(f"{READY} {os.getpid()}", file=answers)
    for line in sys.stdin:
        kind, what = line.rstrip("\n").split(" ", 1)
        data = make_case(name, int(seed), int(what)) if kind == "case" else Path(what).read_bytes()
        print(judge(target, data), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
