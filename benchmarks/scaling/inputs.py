"""The inputs of the simulation: durations, AWS's limits, uploads; see `Function` and `Quotas`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# yolo-fastest-1.1-xl at 1,769 MB, one vCPU. Warm: 26 measured without S3, and 60 assumed for S3.
# Cold: an estimate; some 800, the image included, were measured with a local S3 (RESULTS.md).
WARM_MS, COLD_MS = 86.0, 1200.0
READS, WRITES = 2, 2  # requests of an image: HEAD and GET, two PUT

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Durations:
    """A random duration: log-normal (sigma 0: constant) or exponential.

    median: seconds. sigma: of the logarithm.
    """

    median: float
    sigma: float = 0.0
    shape: Literal["lognormal", "exponential"] = "lognormal"

    @property
    def mean(self) -> float:
        """The mean, in seconds."""
        if self.shape == "exponential":
            return self.median / math.log(2)
        return self.median * math.exp(self.sigma**2 / 2)

    def draw(self, rng: np.random.Generator, count: int) -> Floats:
        """Draws durations, `(count,)` seconds."""
        if self.shape == "exponential":
            return rng.exponential(self.mean, count)
        return self.median * np.exp(self.sigma * rng.standard_normal(count))

    def stream(self, rng: np.random.Generator) -> Iterator[float]:
        """Yields durations without end, in seconds."""
        while True:
            yield from self.draw(rng, 4096).tolist()


@dataclass(frozen=True)
class Function:
    """The function's durations, in seconds.

    warm: an invocation in an existing environment, including its requests to S3.
    cold: the additional time of an environment's first invocation.
    notification: from upload to the event in the queue.
    keep_warm: how long Lambda keeps an unused environment.
    """

    warm: Durations = Durations(WARM_MS / 1000, 0.25)
    cold: Durations = Durations(COLD_MS / 1000, 0.2)
    notification: Durations = Durations(0.5, 0.5)
    keep_warm: float = 600.0
    error_share: float = 0.0  # of invocations, which fail for reasons other than S3


@dataclass(frozen=True)
class Quotas:
    """AWS's limits.

    concurrency: executions at once, of the account or reserved for the function.
    environments_at_once, environments_a_second: how many environments a function may start: 1,000
        every 10 seconds, refilled continuously.
    partitions: ranges of the bucket's keys; images are spread over them evenly.
    read_ahead: the events that are read from the queue while no environment is free, and are then
        throttled, as a share of concurrency; at least one event if the share is above 0.
    """

    concurrency: int = 1_000
    environments_at_once: int = 1_000
    environments_a_second: float = 100.0
    partitions: int = 1
    writes: float = 3_500.0  # a second and partition: PUT, COPY, POST, DELETE
    reads: float = 5_500.0  # a second and partition: GET, HEAD
    read_ahead: float = 0.1


def steady(rate: float, seconds: float, seed: int) -> Floats:
    """Returns the sorted times of random uploads (Poisson) with a mean rate per second."""
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate * seconds)))


def burst(count: int) -> Floats:
    """Returns `count` uploads at the time 0."""
    return np.zeros(count)
