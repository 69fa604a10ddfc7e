"""Feeds a target in a process of its own, saying at each step where it is; see `main`.

Each line it writes is `begin INDEX`, or `end INDEX OUTCOME`; an outcome is `result`, `refused`, or
`bug:` and what is wrong.
"""

from __future__ import annotations

import resource
import sys
import traceback
from pathlib import Path
from random import Random

import cv2

from .targets import TARGETS, Target

_ADDRESS_SPACE = 4 << 30  # beyond it allocations fail, before the machine suffers
REPLAY = "--replay"


def make_case(name: str, seed: int, index: int) -> bytes:
    """One of a target's inputs; the same for the same numbers."""
    return TARGETS[name].case(Random(f"{name}/{seed}/{index}"))


def judge(target: Target, data: bytes) -> str:
    """Feeds one input; returns its outcome."""
    before = _peak()
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
    if _peak() - before > target.room:
        outcome = f"bug: memory, {(_peak() - before) >> 20} MB"
    return outcome


def _peak() -> int:
    """The most memory that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _limit_memory() -> None:
    reserved = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = reserved + _ADDRESS_SPACE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(arguments: list[str]) -> None:
    """NAME SEED FIRST COUNT feeds those cases; NAME --replay FILE feeds one file."""
    target = TARGETS[arguments[0]]
    cv2.setNumThreads(1)
    judge(target, make_case(arguments[0], 0, 0))  # what is loaded once counts for no input
    _limit_memory()
    if arguments[1] == REPLAY:
        print(f"begin 0\nend 0 {judge(target, Path(arguments[2]).read_bytes())}", flush=True)
        return
    seed, first, count = map(int, arguments[1:])
    for index in range(first, count):
        data = make_case(arguments[0], seed, index)
        print(f"begin {index}", flush=True)
        print(f"end {index} {judge(target, data)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
