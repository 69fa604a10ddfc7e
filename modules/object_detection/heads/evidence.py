"""What speaks for or against a head; see `Evidence`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """The kinds of evidence, strongest first. Only `head` in model.json is stronger."""

    METADATA = 1
    OUTPUT_NAMES = 2
    VALUES = 3
    SHAPES = 4


@dataclass(frozen=True)
class Evidence:
    """One fact about a network that speaks for a head, or against it.

    reason: a noun phrase; `models inspect` and error messages show it. speaks_for: False if the
    fact excludes the head.
    """

    level: Level
    reason: str
    speaks_for: bool = True
