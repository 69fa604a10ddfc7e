"""The simulations' results as Markdown tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .inputs import READS, WRITES, Quotas
from .load import LOAD, Carried
from .outcome import Outcome


def tabulate_carried(rows: Sequence[Carried]) -> str:
    """Returns a table of the highest rates, and of latencies at 80 % of them."""
    quotas = Quotas()
    head = (
        "concurrency", "S3 partitions", "images/s at most", "images/hour", "failed invocations",
        "images/s at 80 %", "p50", "p95", "p99", "most waiting", "throttles",
        "S3 reads/s, of quota", "S3 writes/s, of quota",
    )  # fmt: skip
    body = []
    for row in rows:
        at = row.at
        rate = LOAD * row.most
        body.append(
            [
                f"{row.concurrency:,}",
                f"{row.partitions}",
                number(row.most),
                number(row.most * 3600),
                f"{row.failing:.0%}",
                number(rate),
                *map(duration, at.percentiles()),
                f"{at.backlog[:, 1].max():,.0f}",
                f"{at.throttles:,}",
                f"{number(rate * READS)} of {number(quotas.reads * row.partitions)}",
                f"{number(rate * WRITES)} of {number(quotas.writes * row.partitions)}",
            ]
        )
    return _markdown(head, body)


def tabulate_bursts(rows: Sequence[tuple[int, int, Outcome]]) -> str:
    """Returns a table of bursts. rows: concurrency, partitions and outcome."""
    head = (
        "images", "concurrency", "S3 partitions", "last result after", "p50", "p95", "p99",
        "most waiting", "cold starts", "most at once", "throttles", "SlowDown", "dead letters",
    )  # fmt: skip
    body = [
        [
            f"{len(outcome.done):,}",
            f"{concurrency:,}",
            f"{partitions}",
            duration(outcome.drained),
            *map(duration, outcome.percentiles()),
            f"{outcome.backlog[:, 1].max():,.0f}",
            f"{outcome.cold_starts:,}",
            f"{outcome.most_running:,}",
            f"{outcome.throttles:,}",
            f"{outcome.slow_downs:,}",
            f"{outcome.lost.sum():,}",
        ]
        for concurrency, partitions, outcome in rows
    ]
    return _markdown(head, body)


def _markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    rule = ["--:"] * len(head)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *body))


def number(value: float) -> str:
    """Formats a number with three significant digits: 11.3, 1,130, 40,500,000."""
    if value < 100:
        return f"{value:.1f}"
    return f"{round(value, 2 - math.floor(math.log10(value))):,.0f}"


def duration(seconds: float) -> str:
    """Formats a duration in milliseconds, seconds, minutes or hours."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
