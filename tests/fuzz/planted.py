"""Targets with one planted bug each, which test the fuzzer itself; see `PLANTED`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from tests.fuzz.mutation import repeat_block
from tests.fuzz.targets import Target

TRIGGER = b"!"


def _die() -> None:
    os.abort()


def _hang() -> None:
    time.sleep(3600)


def _take_memory() -> None:
    assert b"a" * (40 << 20)


def _raise_unexpected() -> None:
    raise KeyError("what")


def _refuse_without_reason() -> None:
    raise ValueError


def _plant(bug: Callable[[], None]) -> Target:
    def run(data: bytes) -> None:
        if TRIGGER in data:
            bug()
        if not data:
            raise ValueError("the input is empty")

    seeds = [b"", b"abc", b"abcdefgh", b"hgfe!dcba"]
    return Target(lambda: seeds, [repeat_block], run, (ValueError,), 16 << 20)


PLANTED = {
    bug.__name__: _plant(bug)
    for bug in (_die, _hang, _take_memory, _raise_unexpected, _refuse_without_reason)
}
