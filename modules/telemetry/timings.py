"""Measures how long each stage of one image takes; see `Timings`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_STAGES = ("fetch", "decode", "infer", "draw", "publish")


@dataclass(frozen=True)
class Span:
    """A stage that has ended. start: seconds since 1970, UTC."""

    name: str
    start: float
    seconds: float


@dataclass
class Timings:
    """The milliseconds of each stage, 0 for one that did not run, and the spans in time order."""

    milliseconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_STAGES, 0.0))
    spans: list[Span] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time inside to a stage, also if an error ends it."""
        started_at, start = time.time(), time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            self.milliseconds[name] += seconds * 1000
            self.spans.append(Span(name, started_at, seconds))

    def rounded(self) -> dict[str, float]:
        """Returns the milliseconds as the document has them, to a tenth."""
        return {name: round(value, 1) for name, value in self.milliseconds.items()}
