"""How long each stage of one image took; see `Timings`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Span:
    """A stage that is over. start: seconds since 1970."""

    name: str
    start: float
    seconds: float


@dataclass
class Timings:
    """Milliseconds by stage, and when each was."""

    milliseconds: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("fetch", "decode", "infer", "draw", "publish"), 0.0)
    )
    spans: list[Span] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the time inside towards a stage."""
        began_at, start = time.time(), time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            self.milliseconds[name] += seconds * 1000
            self.spans.append(Span(name, began_at, seconds))

    def rounded(self) -> dict[str, float]:
        """As the document has them."""
        return {name: round(value, 1) for name, value in self.milliseconds.items()}
