"""What is carried at a steady rate, and how bursts drain; see `carry` and `drain`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from .simulation import (
    READS,
    WRITES,
    Durations,
    Function,
    Outcome,
    Quotas,
    burst,
    simulate,
    steady,
)

_MOST_STEADY = 100_000  # images of a run at a steady rate
LOAD = 0.8  # of what is carried at most, where latencies are told


@dataclass(frozen=True)
class Carried:
    """What so many environments carry: `most` a second, and how they do at a share of that."""

    concurrency: int
    partitions: int
    most: float
    failing: float  # share of invocations that fail at most, as S3 refuses too much
    at: Outcome


def partitions_for(function: Function, concurrency: int) -> int:
    """How many partitions of S3 the images need that so many environments can serve."""
    quotas = Quotas()
    images = concurrency / function.warm.mean
    return math.ceil(max(images * WRITES / quotas.writes, images * READS / quotas.reads) * 1.05)


def carry(function: Function, concurrency: int, partitions: int, seed: int) -> Carried:
    """Finds what is carried at most, by a queue that never empties, and then looks at less.

    All environments are there from the beginning: this is after the ramp, which bursts show.
    """
    quotas = Quotas(concurrency=concurrency, partitions=partitions)
    environments, of_s3 = concurrency / function.warm.mean, partitions * quotas.writes / WRITES
    bound = min(environments, of_s3)
    seconds = min(600.0, max(1.0, _MOST_STEADY / bound))
    if of_s3 < environments:  # invocations fail, and events come again after a minute
        seconds = max(120.0, seconds)
    full = simulate(
        burst(int(bound * seconds * 1.7) + 2 * concurrency),
        replace(function, notification=Durations(0.0)),
        quotas,
        seed=seed,
        warm_environments=concurrency,
        until=seconds,
    )
    most = full.rate(seconds / 4, seconds)
    at = simulate(
        steady(LOAD * most, seconds, seed),
        function,
        quotas,
        seed=seed,
        warm_environments=concurrency,
    )
    return Carried(concurrency, partitions, most, float(full.errors / full.tries.sum()), at)


def drain(function: Function, concurrency: int, partitions: int, count: int, seed: int) -> Outcome:
    """A burst from nothing: no environment is there."""
    quotas = Quotas(concurrency=concurrency, partitions=partitions)
    return simulate(burst(count), function, quotas, seed=seed)
