"""What a simulation finds; see `Outcome`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .inputs import Floats


@dataclass(frozen=True)
class Outcome:
    """The outcome of a simulation. Arrays have one element per image; times are in seconds.

    uploaded, queued: the times of the upload, and of the event's arrival in the queue.
    done: the time of the result; NaN if there was none by the end.
    lost: whether the event became a dead letter: it was too old, or failed three times.
    tries: the number of its invocations.
    backlog: `(samples, 2)`: time, and number of waiting events.
    in_system: the mean number of images between queued and done or lost, over `seconds`.
    throttles, slow_downs: refusals by Lambda, and by S3. errors: failed invocations.
    reads, writes: the most requests to S3 within one second.
    """

    uploaded: Floats
    queued: Floats
    done: Floats
    lost: NDArray[np.bool_]
    tries: NDArray[np.int64]
    backlog: Floats
    seconds: float
    in_system: float
    most_running: int
    cold_starts: int
    throttles: int
    slow_downs: int
    errors: int
    reads: int
    writes: int

    @property
    def served(self) -> int:
        """The number of images with a result."""
        return int(np.isfinite(self.done).sum())

    @property
    def drained(self) -> float:
        """The time of the last result; NaN if there is none."""
        return float(np.nanmax(self.done)) if self.served else math.nan

    @property
    def latencies(self) -> Floats:
        """Seconds from upload to result, of the images with a result."""
        return (self.done - self.uploaded)[np.isfinite(self.done)]

    def percentiles(self) -> tuple[float, float, float]:
        """Returns the 50th, 95th and 99th percentile of the latencies."""
        p50, p95, p99 = np.percentile(self.latencies, (50, 95, 99)).tolist()
        return p50, p95, p99

    def rate(self, start: float, end: float) -> float:
        """Returns the results per second between two times."""
        return float(((self.done >= start) & (self.done < end)).sum()) / (end - start)
