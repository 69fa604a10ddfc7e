"""The throughput at a steady rate, and how bursts drain; see `carry` and `drain`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from .inputs import READS, WRITES, Durations, Function, Quotas, burst, steady
from .outcome import Outcome
from .simulation import simulate

_MAX_STEADY_IMAGES = 100_000  # images of a simulation at a steady rate
LOAD = 0.8  # the share of the highest rate at which latencies are reported


@dataclass(frozen=True)
class Carried:
    """The throughput of a concurrency.

    most: the highest rate, images per second. at: the outcome at the share `LOAD` of that rate.
    """

    concurrency: int
    partitions: int
    most: float
    failing: float  # share of invocations that S3's refusals make fail, at the highest rate
    at: Outcome


def partitions_for(function: Function, concurrency: int) -> int:
    """Returns how many partitions of S3 suffice for a concurrency, with 5 % to spare."""
    quotas = Quotas()
    images = concurrency / function.warm.mean
    return math.ceil(max(images * WRITES / quotas.writes, images * READS / quotas.reads) * 1.05)


def carry(function: Function, concurrency: int, partitions: int, seed: int) -> Carried:
    """Finds the highest rate with a queue that never empties, then simulates a lower rate.

    All environments exist from the start; bursts show how they are started.
    """
    quotas = Quotas(concurrency=concurrency, partitions=partitions)
    environments, of_s3 = concurrency / function.warm.mean, partitions * quotas.writes / WRITES
    bound = min(environments, of_s3)
    seconds = min(600.0, max(1.0, _MAX_STEADY_IMAGES / bound))
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
    """Simulates a burst of `count` images with no environment at the start."""
    quotas = Quotas(concurrency=concurrency, partitions=partitions)
    return simulate(burst(count), function, quotas, seed=seed)
