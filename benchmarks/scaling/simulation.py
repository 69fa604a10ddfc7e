"""Plays uploads, notifications, the queue, environments and S3, event by event; see `simulate`.

Under the quotas that AWS publishes (`Quotas`). What AWS does not publish is assumed: how long an
unused environment is kept (`Function.keep_warm`), how long a notification takes
(`Function.notification`), and how far ahead of the free environments the queue is read
(`Quotas.read_ahead`).
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# yolo-fastest-1.1-xl at 1,769 MB, one vCPU. Warm: 26 measured without S3, and 60 assumed for it.
# Cold: a guess; some 800, the image included, were measured beside a local S3 (RESULTS.md).
WARM_MS, COLD_MS = 86.0, 1200.0
READS, WRITES = 2, 2  # an image's requests: HEAD and GET, two PUT
_TRIES = 3  # of an event whose invocation fails
_WAITS = (60.0, 120.0)  # seconds before the second, and the third
_SDK_TRIES = 4  # of a request to S3, as modules/storage/client.py sets it
_MAX_AGE = 6 * 3600.0  # seconds that an event is kept
_LONGEST_WAIT = 300.0  # seconds between two tries of a throttled event

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Durations:
    """Seconds that something takes: about a median (sigma 0: always so long), or exponential."""

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
        """So many of them, (count,) seconds."""
        if self.shape == "exponential":
            return rng.exponential(self.mean, count)
        return self.median * np.exp(self.sigma * rng.standard_normal(count))

    def stream(self, rng: np.random.Generator) -> Iterator[float]:
        """One after the other, for ever."""
        while True:
            yield from self.draw(rng, 4096).tolist()


@dataclass(frozen=True)
class Function:
    """What an image takes. Seconds.

    warm: an invocation in an environment that is there, its requests to S3 included.
    cold: how much longer the first of an environment takes.
    """

    warm: Durations = Durations(WARM_MS / 1000, 0.25)
    cold: Durations = Durations(COLD_MS / 1000, 0.2)
    notification: Durations = Durations(0.5, 0.5)
    keep_warm: float = 600.0
    error_share: float = 0.0  # of invocations that fail for a reason of their own


@dataclass(frozen=True)
class Quotas:
    """What AWS allows.

    concurrency: executions at once, of the account or reserved for the function.
    environments_at_once, environments_a_second: what a function may start: 1,000 every 10 seconds,
        refilled continuously.
    partitions: of the bucket's keys, over which the images are spread evenly.
    read_ahead: events read from the queue though no environment is free, as a share of concurrency,
        at least one if it is above 0; these are throttled.
    """

    concurrency: int = 1_000
    environments_at_once: int = 1_000
    environments_a_second: float = 100.0
    partitions: int = 1
    writes: float = 3_500.0  # a second and partition: PUT, COPY, POST, DELETE
    reads: float = 5_500.0  # a second and partition: GET, HEAD
    read_ahead: float = 0.1


@dataclass(frozen=True)
class Outcome:
    """What became of the images, one place an image in each array; times in seconds.

    uploaded, queued: when it was, and when its event reached the queue.
    done: when its result was there; NaN if that was not within the time.
    lost: whether its event went to the dead letters, as it was too old or failed three times.
    tries: invocations that it took.
    backlog: (samples, 2), seconds and events that wait.
    in_system: images between queued and done or lost, on average over `seconds`.
    throttles, slow_downs: refusals of Lambda, and of S3. errors: invocations that failed.
    reads, writes: most requests to S3 within one second.
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
        """Images that have a result."""
        return int(np.isfinite(self.done).sum())

    @property
    def drained(self) -> float:
        """When the last result was there."""
        return float(np.nanmax(self.done)) if self.served else math.nan

    @property
    def latencies(self) -> Floats:
        """From upload to result, of the images that have one."""
        return (self.done - self.uploaded)[np.isfinite(self.done)]

    def percentiles(self) -> tuple[float, float, float]:
        """The 50th, 95th and 99th of the latencies."""
        p50, p95, p99 = np.percentile(self.latencies, (50, 95, 99)).tolist()
        return p50, p95, p99

    def rate(self, start: float, end: float) -> float:
        """Results a second between two times."""
        return float(((self.done >= start) & (self.done < end)).sum()) / (end - start)


def steady(rate: float, seconds: float, seed: int) -> Floats:
    """Uploads by chance (Poisson), so many a second on average: sorted seconds."""
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate * seconds)))


def burst(count: int) -> Floats:
    """So many uploads at once."""
    return np.zeros(count)


def simulate(
    uploads: Floats,
    function: Function,
    quotas: Quotas,
    *,
    seed: int,
    warm_environments: int = 0,
    until: float = math.inf,
) -> Outcome:
    """Plays it until all images are done or lost, or until a time.

    warm_environments: how many there are at the beginning.
    """
    return _Simulation(uploads, function, quotas, seed, warm_environments).run(until)


class _TokenBucket:
    """Grants so many a second; what is not used is kept up to `most`."""

    __slots__ = ("_last", "_most", "_rate", "_tokens", "by_second")

    def __init__(self, rate: float, most: float) -> None:
        self._rate, self._most, self._tokens, self._last = rate, most, most, 0.0
        self.by_second: defaultdict[int, int] = defaultdict(int)  # granted

    def take(self, now: float) -> bool:
        tokens = self._tokens + (now - self._last) * self._rate
        self._last = now
        if tokens > self._most:
            tokens = self._most
        if tokens < 1:
            self._tokens = tokens
            return False
        self._tokens = tokens - 1
        self.by_second[int(now)] += 1
        return True


# What an entry of the heap is for. An invocation's steps are numbered: the reads, the writes.
_TRY_AGAIN, _AFTER_ERROR, _STEP = range(3)
_FIRST_WRITE = READS + 1  # the step between is the inference


@dataclass
class _Counts:
    running: int = 0
    held: int = 0  # read from the queue, throttled, and waiting to be tried again
    present: int = 0  # in the queue, held, waiting after an error, or running
    most_running: int = 0
    cold_starts: int = 0
    throttles: int = 0
    slow_downs: int = 0
    errors: int = 0
    area: float = 0.0  # of `present` over time
    backlog: list[tuple[float, int]] = field(default_factory=list)


class _Simulation:
    def __init__(
        self, uploads: Floats, function: Function, quotas: Quotas, seed: int, warm: int
    ) -> None:
        rng = np.random.default_rng(seed)
        queued = uploads + function.notification.draw(rng, len(uploads))
        order = np.argsort(queued, kind="stable")
        self._uploaded, self._queued = uploads[order], queued[order]
        self._arrivals: list[float] = self._queued.tolist()
        self._done = [math.nan] * len(uploads)
        self._lost = bytearray(len(uploads))
        self._tries = bytearray(len(uploads))
        self._throttled = bytearray(len(uploads))  # times
        self._function, self._quotas = function, quotas
        self._warm, self._cold = function.warm.stream(rng), function.cold.stream(rng)
        self._uniform = _uniform(rng)
        share = quotas.read_ahead
        ahead = max(1, round(share * quotas.concurrency)) if share else 0
        self._window = quotas.concurrency + ahead
        self._starts = _TokenBucket(quotas.environments_a_second, quotas.environments_at_once)
        reads, writes = quotas.reads * quotas.partitions, quotas.writes * quotas.partitions
        self._reads, self._writes = _TokenBucket(reads, reads), _TokenBucket(writes, writes)
        self._idle = [0.0] * warm  # when each was last used; the last one is taken first
        self._queue: deque[int] = deque()
        self._heap: list[tuple[float, int, int, int, int]] = []  # time, image, kind, step, tries
        self._count = _Counts()

    def run(self, until: float) -> Outcome:
        arrivals, heap, count = self._arrivals, self._heap, self._count
        next_image, images = 0, len(arrivals)
        now, sampled = 0.0, -1.0
        while next_image < images or heap:
            is_arrival = next_image < images and not (heap and heap[0][0] < arrivals[next_image])
            then = arrivals[next_image] if is_arrival else heap[0][0]
            if then > until:
                break
            count.area += count.present * (then - now)
            now = then
            if is_arrival:
                count.present += 1
                self._queue.append(next_image)
                next_image += 1
                self._read(now)
            else:
                self._happen(*heapq.heappop(heap))
            if now - sampled >= max(0.1, 0.01 * now):
                count.backlog.append((now, count.present - count.running))
                sampled = now
        end = until if math.isfinite(until) else now
        count.area += count.present * (end - now)
        return self._report(end)

    def _happen(self, now: float, image: int, kind: int, step: int, tries: int) -> None:
        if kind == _STEP:
            self._step(now, image, step, tries)
            return
        if kind == _TRY_AGAIN:
            self._count.held -= 1
        self._try(now, image)
        self._read(now)

    def _read(self, now: float) -> None:
        """Reads the queue, as far as there are environments, and a little further."""
        queue, count = self._queue, self._count
        while queue and count.running + count.held < self._window:
            self._try(now, queue.popleft())

    def _try(self, now: float, image: int) -> None:
        """Starts an invocation, or throttles the event."""
        if now - self._arrivals[image] > _MAX_AGE:
            self._lose(image)
            return
        count, idle = self._count, self._idle
        if count.running < self._quotas.concurrency:
            if idle and now - idle[-1] > self._function.keep_warm:
                idle.clear()  # the others were used before it
            if idle:
                idle.pop()
                self._start(image)
                self._step(now, image, 0, 0)
                return
            if self._starts.take(now):
                count.cold_starts += 1
                self._start(image)
                heapq.heappush(self._heap, (now + next(self._cold), image, _STEP, 0, 0))
                return
        count.throttles += 1
        count.held += 1
        times = self._throttled[image]
        wait = min(_LONGEST_WAIT, 2.0**times * (1 + next(self._uniform)))
        self._throttled[image] = min(times + 1, 20)
        heapq.heappush(self._heap, (now + wait, image, _TRY_AGAIN, 0, 0))

    def _start(self, image: int) -> None:
        count = self._count
        count.running += 1
        if count.running > count.most_running:  # faster than max()
            count.most_running = count.running
        self._tries[image] += 1

    def _step(self, now: float, image: int, step: int, tries: int) -> None:
        """Goes through an invocation until it has to wait."""
        while True:
            if step == READS:
                heapq.heappush(self._heap, (now + next(self._warm), image, _STEP, _FIRST_WRITE, 0))
                return
            if step == _FIRST_WRITE + WRITES:
                self._end(now, image, has_failed=self._fails())
                return
            bucket = self._reads if step < READS else self._writes
            if bucket.take(now):
                step, tries = step + 1, 0
                continue
            self._count.slow_downs += 1
            tries += 1
            if tries == _SDK_TRIES:
                self._end(now, image, has_failed=True)
            else:
                wait = next(self._uniform) * 2.0 ** (tries - 1)
                heapq.heappush(self._heap, (now + wait, image, _STEP, step, tries))
            return

    def _fails(self) -> bool:
        share = self._function.error_share
        return share > 0 and next(self._uniform) < share

    def _end(self, now: float, image: int, *, has_failed: bool) -> None:
        self._count.running -= 1
        self._idle.append(now)
        if not has_failed:
            self._done[image] = now
            self._count.present -= 1
            self._read(now)
            return
        self._count.errors += 1
        tries = self._tries[image]
        if tries == _TRIES:
            self._lose(image)
        else:
            heapq.heappush(self._heap, (now + _WAITS[tries - 1], image, _AFTER_ERROR, 0, 0))
        self._read(now)

    def _lose(self, image: int) -> None:
        self._lost[image] = 1
        self._count.present -= 1

    def _report(self, end: float) -> Outcome:
        count = self._count
        return Outcome(
            uploaded=self._uploaded,
            queued=self._queued,
            done=np.array(self._done, np.float64),
            lost=np.frombuffer(self._lost, np.bool_),
            tries=np.frombuffer(self._tries, np.uint8).astype(np.int64),
            backlog=np.array(count.backlog, np.float64).reshape(-1, 2),
            seconds=end,
            in_system=count.area / end if end else 0.0,
            most_running=count.most_running,
            cold_starts=count.cold_starts,
            throttles=count.throttles,
            slow_downs=count.slow_downs,
            errors=count.errors,
            reads=max(self._reads.by_second.values(), default=0),
            writes=max(self._writes.by_second.values(), default=0),
        )


def _uniform(rng: np.random.Generator) -> Iterator[float]:
    while True:
        yield from rng.random(4096).tolist()
