"""Simulates uploads, notifications, Lambda's queue, environments and S3; start at `simulate`.

It is a discrete-event simulation under the quotas that AWS publishes (`Quotas`). These are assumed,
because AWS does not publish them: how long an unused environment is kept (`Function.keep_warm`),
how long a notification takes (`Function.notification`), and how many events are read while no
environment is free (`Quotas.read_ahead`).
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from .inputs import READS, WRITES, Floats, Function, Quotas
from .outcome import Outcome

_TRIES = 3  # of an event; an invocation that fails is one try
_WAITS = (60.0, 120.0)  # seconds before the second and the third try
_SDK_TRIES = 4  # of a request to S3, as modules/storage/client.py sets it
_MAX_AGE = 6 * 3600.0  # seconds that Lambda keeps an event
_LONGEST_WAIT = 300.0  # seconds between two tries of a throttled event


def simulate(
    uploads: Floats,
    function: Function,
    quotas: Quotas,
    *,
    seed: int,
    warm_environments: int = 0,
    until: float = math.inf,
) -> Outcome:
    """Simulates until all images are done or lost, or until a time.

    Args:
        uploads: sorted times, in seconds.
        function: its durations.
        quotas: AWS's limits.
        seed: of all random numbers.
        warm_environments: the number of environments at the start.
        until: the time at which the simulation ends, in seconds.
    """
    return _Simulation(uploads, function, quotas, seed, warm_environments).run(until)


class _TokenBucket:
    """Grants `rate` requests per second; unused ones add up to at most `most`."""

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


# The kinds of the heap's entries. An invocation's steps are numbered: reads, inference, writes.
_TRY_AGAIN, _AFTER_ERROR, _STEP = range(3)
_FIRST_WRITE = READS + 1  # the step before it is the inference


@dataclass
class _Counts:
    running: int = 0
    held: int = 0  # read from the queue, throttled, and waiting for the next try
    present: int = 0  # in the queue, held, waiting after an error, or running
    most_running: int = 0
    cold_starts: int = 0
    throttles: int = 0
    slow_downs: int = 0
    errors: int = 0
    area: float = 0.0  # integral of `present` over time
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
        self._throttled = bytearray(len(uploads))  # how many times
        self._function, self._quotas = function, quotas
        self._warm, self._cold = function.warm.stream(rng), function.cold.stream(rng)
        self._uniform = _uniform(rng)
        share = quotas.read_ahead
        ahead = max(1, round(share * quotas.concurrency)) if share else 0
        self._window = quotas.concurrency + ahead
        self._starts = _TokenBucket(quotas.environments_a_second, quotas.environments_at_once)
        reads, writes = quotas.reads * quotas.partitions, quotas.writes * quotas.partitions
        self._reads, self._writes = _TokenBucket(reads, reads), _TokenBucket(writes, writes)
        self._idle = [0.0] * warm  # the times of their last use; the last one is used first
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
                self._handle(*heapq.heappop(heap))
            if now - sampled >= max(0.1, 0.01 * now):
                count.backlog.append((now, count.present - count.running))
                sampled = now
        end = until if math.isfinite(until) else now
        count.area += count.present * (end - now)
        return self._report(end)

    def _handle(self, now: float, image: int, kind: int, step: int, tries: int) -> None:
        if kind == _STEP:
            self._step(now, image, step, tries)
            return
        if kind == _TRY_AGAIN:
            self._count.held -= 1
        self._try(now, image)
        self._read(now)

    def _read(self, now: float) -> None:
        """Reads as many events as there are free environments, and `read_ahead` more."""
        queue, count = self._queue, self._count
        while queue and count.running + count.held < self._window:
            self._try(now, queue.popleft())

    def _try(self, now: float, image: int) -> None:
        """Starts an invocation, or throttles the event, or drops it if it is too old."""
        if now - self._arrivals[image] > _MAX_AGE:
            self._lose(image)
            return
        count, idle = self._count, self._idle
        if count.running < self._quotas.concurrency:
            if idle and now - idle[-1] > self._function.keep_warm:
                idle.clear()  # the others were used even earlier
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
        """Runs an invocation's steps until it has to wait."""
        while True:
            if step == READS:
                heapq.heappush(self._heap, (now + next(self._warm), image, _STEP, _FIRST_WRITE, 0))
                return
            if step == _FIRST_WRITE + WRITES:
                self._end(now, image, has_failed=self._has_other_error())
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

    def _has_other_error(self) -> bool:
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
