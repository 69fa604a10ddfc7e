"""Targets with a bug each, by which the harness itself is tested; see `PLANTED`."""

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


def _swell() -> None:
    assert b"a" * (40 << 20)


def _stumble() -> None:
    raise KeyError("what")


def _say_nothing() -> None:
    raise ValueError


def _plant(bug: Callable[[], None]) -> Target:
    def run(data: bytes) -> None:
        if TRIGGER in data:
            bug()
        if not data:
            raise ValueError("there is nothing")

    seeds = [b"", b"abc", b"abcdefgh", b"hgfe!dcba"]
    return Target(lambda: seeds, [repeat_block], run, (ValueError,), 16 << 20)


PLANTED = {bug.__name__: _plant(bug) for bug in (_die, _hang, _swell, _stumble, _say_nothing)}
