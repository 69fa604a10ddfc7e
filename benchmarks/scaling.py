"""What the function carries past one machine: a simulation, as nothing here is measured on AWS.

    .venv/bin/python benchmarks/scaling.py [--warm MS] [--cold MS] [--plot docs/images/scaling.png]

Images are uploaded; S3 notifies Lambda; events wait in Lambda's asynchronous queue for one of so
many execution environments; each image asks S3 for a HEAD, a GET and two PUTs. `simulate` plays
that, event by event, from a heap, under the quotas that AWS publishes (`Quotas`). What AWS does
not publish is assumed: how long an unused environment is kept (`Function.keep_warm`), how long a
notification takes (`Function.notification`), and how far ahead of the free environments the queue
is read (`Quotas.read_ahead`).

Markdown tables go to stdout, what is under way to stderr. It takes about a minute.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import sys
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# yolo-fastest-1.1-xl at 1,769 MB, one vCPU. Warm: 26 measured without S3, and 60 assumed for it.
# Cold: a guess; some 700, the image included, were measured beside a local S3 (RESULTS.md).
_WARM_MS, _COLD_MS = 86.0, 1200.0
_CONCURRENCIES = (1, 100, 1_000, 10_000)
_BURSTS = (10_000, 100_000, 1_000_000)
_MOST_STEADY = 100_000  # images of a run at a steady rate
_LOAD = 0.8  # of what is carried at most, where latencies are told
_READS, _WRITES = 2, 2  # an image's requests: HEAD and GET, two PUT
_TRIES = 3  # of an event whose invocation fails
_WAITS = (60.0, 120.0)  # seconds before the second, and the third
_SDK_TRIES = 4  # of a request to S3, as modules/storage.py sets it
_MAX_AGE = 6 * 3600.0  # seconds that an event is kept
_LONGEST_WAIT = 300.0  # seconds between two tries of a throttled event
_BLUE, _RED = "#4878a8", "#d1495b"

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

    warm: Durations = Durations(_WARM_MS / 1000, 0.25)
    cold: Durations = Durations(_COLD_MS / 1000, 0.2)
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
_FIRST_WRITE = _READS + 1  # the step between is the inference


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
            if step == _READS:
                heapq.heappush(self._heap, (now + next(self._warm), image, _STEP, _FIRST_WRITE, 0))
                return
            if step == _FIRST_WRITE + _WRITES:
                self._end(now, image, has_failed=self._fails())
                return
            bucket = self._reads if step < _READS else self._writes
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
    return math.ceil(max(images * _WRITES / quotas.writes, images * _READS / quotas.reads) * 1.05)


def carry(function: Function, concurrency: int, partitions: int, seed: int) -> Carried:
    """Finds what is carried at most, by a queue that never empties, and then looks at less.

    All environments are there from the beginning: this is after the ramp, which bursts show.
    """
    quotas = Quotas(concurrency=concurrency, partitions=partitions)
    environments, of_s3 = concurrency / function.warm.mean, partitions * quotas.writes / _WRITES
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
        steady(_LOAD * most, seconds, seed),
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


def tabulate_carried(rows: Sequence[Carried]) -> str:
    """Markdown: what is carried at most, and how images fare at 80 % of it."""
    quotas = Quotas()
    head = (
        "concurrency", "S3 partitions", "images/s at most", "images/hour", "failed invocations",
        "images/s at 80 %", "p50", "p95", "p99", "most waiting", "throttles",
        "S3 reads/s, of quota", "S3 writes/s, of quota",
    )  # fmt: skip
    body = []
    for row in rows:
        at = row.at
        rate = _LOAD * row.most
        body.append(
            [
                f"{row.concurrency:,}",
                f"{row.partitions}",
                _number(row.most),
                _number(row.most * 3600),
                f"{row.failing:.0%}",
                _number(rate),
                *map(_duration, at.percentiles()),
                f"{at.backlog[:, 1].max():,.0f}",
                f"{at.throttles:,}",
                f"{_number(rate * _READS)} of {_number(quotas.reads * row.partitions)}",
                f"{_number(rate * _WRITES)} of {_number(quotas.writes * row.partitions)}",
            ]
        )
    return _markdown(head, body)


def tabulate_bursts(rows: Sequence[tuple[int, int, Outcome]]) -> str:
    """Markdown: how bursts drain. rows: concurrency, partitions, and what became of it."""
    head = (
        "images", "concurrency", "S3 partitions", "last result after", "p50", "p95", "p99",
        "most waiting", "cold starts", "most at once", "throttles", "SlowDown", "dead letters",
    )  # fmt: skip
    body = [
        [
            f"{len(outcome.done):,}",
            f"{concurrency:,}",
            f"{partitions}",
            _duration(outcome.drained),
            *map(_duration, outcome.percentiles()),
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


def _number(value: float) -> str:
    """Three digits that count: 11.3, 1,130, 40,500,000."""
    if value < 100:
        return f"{value:.1f}"
    return f"{round(value, 2 - math.floor(math.log10(value))):,.0f}"


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def draw(
    carried: Sequence[Carried],
    bursts: Sequence[tuple[int, int, Outcome]],
    path: Path,
) -> None:
    """Draws what is carried by concurrency, and how the largest bursts drain, as PNG."""
    from matplotlib.figure import Figure  # the one thing here that needs it

    figure = Figure(figsize=(13, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_carried(left, carried)
    most = max(len(outcome.done) for _, _, outcome in bursts)
    _draw_backlog(right, [burst for burst in bursts if len(burst[2].done) == most])
    figure.savefig(path, dpi=100)


def _draw_carried(axes: Axes, carried: Sequence[Carried]) -> None:
    quotas = Quotas()
    for partitions in (1, 10, 100):
        images = partitions * quotas.writes / _WRITES
        axes.axhline(images, color="#888888", linestyle="--", linewidth=1)
        plural = "s" if partitions > 1 else ""
        axes.annotate(
            f"S3's {_number(images * _WRITES)} PUT/s: {partitions} partition{plural}",
            (0.8, images),
            (0, 4),
            textcoords="offset points",
            color="#555555",
        )
    enough = {row.concurrency: row.most for row in carried if row.partitions > 1}
    one = {row.concurrency: row.most for row in carried if row.partitions == 1}
    enough = {at: one[at] for at in one if at not in enough} | enough
    axes.plot(
        *zip(*sorted(one.items()), strict=True), "s--", color=_RED, label="one partition of S3"
    )
    axes.plot(
        *zip(*sorted(enough.items()), strict=True), "o-", color=_BLUE, label="partitions enough"
    )
    last = max(one)
    named = [(at, images, _BLUE) for at, images in enough.items()] + [(last, one[last], _RED)]
    for at, images, colour in named:
        axes.annotate(
            _number(images),
            (at, images),
            (10, -14),
            textcoords="offset points",
            color=colour,
            weight="bold",
        )
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(0.7, 60_000),
        ylim=(4, 500_000),
        xlabel="concurrency: images at once",
        ylabel="images a second",
        title="What is carried at most",
    )
    axes.xaxis.set_major_formatter(_plain)
    axes.yaxis.set_major_formatter(_plain)
    axes.legend(loc="lower right")


def _draw_backlog(axes: Axes, bursts: Sequence[tuple[int, int, Outcome]]) -> None:
    looks = (
        (_RED, "right", 0.85),
        ("#b8741a", "right", 0.6),
        ("#3b8b6b", "left", 0.4),
        (_BLUE, "right", 0.25),
    )
    for (concurrency, _, outcome), (colour, side, height) in zip(bursts, looks, strict=False):
        seconds, waiting = outcome.backlog[:, 0], outcome.backlog[:, 1]
        name = f"{concurrency:,}: {_duration(outcome.drained)}"
        if outcome.lost.any():
            name += f",\n{outcome.lost.sum():,} dead letters"
        axes.plot(seconds, waiting, color=colour, linewidth=2)
        at = np.flatnonzero(waiting > height * waiting.max())[-1]  # the last time that it was so
        axes.annotate(
            name,
            (seconds[at], waiting[at]),
            (-8 if side == "right" else 8, 0),
            textcoords="offset points",
            ha=side,
            va="center",
            color=colour,
            weight="bold",
        )
    images = len(bursts[0][2].done)
    axes.set(
        xscale="log",
        xlim=(1, 40_000),
        ylim=(0, images * 1.05),
        ylabel="images that wait",
        title=f"After {images:,} uploads at once, by concurrency",
    )
    axes.set_xticks([1, 10, 60, 600, 3600, 6 * 3600])
    axes.set_xticklabels(["1 s", "10 s", "1 min", "10 min", "1 h", "6 h"])
    axes.minorticks_off()
    axes.set_xlabel("since the upload")
    axes.yaxis.set_major_formatter(_plain)


def _plain(value: float, _: float) -> str:
    return f"{value:,.0f}"


def main() -> int:
    """Prints the tables, and draws the plot if asked to."""
    parser = argparse.ArgumentParser(
        description="Simulates how many images the function carries, and how fast bursts drain.",
        epilog="The times are of one image, for one model and memory. The defaults are for "
        "yolo-fastest-1.1-xl at 1,769 MB (one vCPU), measured in part (benchmarks/RESULTS.md) and "
        "guessed in part, to be replaced by what you measured on Lambda.",
    )
    parser.add_argument(
        "--warm",
        type=_milliseconds,
        metavar="MS",
        help=f"median of an image in an environment that is there (default: {_WARM_MS:g})",
    )
    parser.add_argument(
        "--cold",
        type=_milliseconds,
        metavar="MS",
        help=f"median of what a new environment adds to its first image (default: {_COLD_MS:g})",
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FILE",
        help='measured times, as JSON: {"warm_ms": …, "cold_ms": …}; --warm and --cold go before',
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw this PNG, too")
    parser.add_argument("--seed", type=int, default=0, help="of all that is by chance (default: 0)")
    arguments = parser.parse_args()
    try:
        measured = read_times(arguments.results) if arguments.results else {}
    except (OSError, ValueError) as error:
        parser.error(f"{arguments.results}: {error}")
    warm = arguments.warm or measured.get("warm_ms", _WARM_MS)
    cold = arguments.cold or measured.get("cold_ms", _COLD_MS)
    usual = Function()
    function = replace(
        usual,
        warm=replace(usual.warm, median=warm / 1000),
        cold=replace(usual.cold, median=cold / 1000),
    )
    report(function, arguments.seed, arguments.plot)
    return 0


def report(function: Function, seed: int, plot: Path | None) -> None:
    """Simulates all, prints the tables, and draws."""
    started = time.monotonic()
    enough = {at: partitions_for(function, at) for at in _CONCURRENCIES}
    cases = sorted({*enough.items(), *((at, 1) for at in _CONCURRENCIES)}, key=lambda c: (c[1], c))
    carried = []
    for concurrency, partitions in cases:
        _say(f"at a steady rate: concurrency {concurrency:,}, partitions {partitions}")
        carried.append(carry(function, concurrency, partitions, seed))
    bursts = []
    for count in _BURSTS:
        for concurrency, partitions in enough.items():
            _say(f"a burst of {count:,}: concurrency {concurrency:,}, partitions {partitions}")
            bursts.append(
                (concurrency, partitions, drain(function, concurrency, partitions, count, seed))
            )
    crowded = []
    for concurrency in [at for at, partitions in enough.items() if partitions > 1]:
        _say(f"a burst of {_BURSTS[1]:,}: concurrency {concurrency:,}, one partition")
        crowded.append((concurrency, 1, drain(function, concurrency, 1, _BURSTS[1], seed)))
    print(
        f"An image takes {function.warm.median * 1000:g} ms (median), "
        f"{function.cold.median * 1000:g} ms more in a new environment; seed {seed}.\n"
    )
    print(f"At a steady rate, all environments being there:\n\n{tabulate_carried(carried)}\n")
    print(f"A burst, from no environment:\n\n{tabulate_bursts([*bursts, *crowded])}")
    if plot:
        draw(carried, bursts, plot)
        _say(f"drawn: {plot}")
    _say(f"took {time.monotonic() - started:.0f} s")


def read_times(path: Path) -> dict[str, float]:
    """Measured times of a JSON file: `warm_ms`, `cold_ms`, or one of them."""
    document = json.loads(path.read_text())
    names = ("warm_ms", "cold_ms")
    if not isinstance(document, dict) or not any(name in document for name in names):
        raise ValueError("no warm_ms or cold_ms in it")
    return {name: _milliseconds(str(document[name])) for name in names if name in document}


def _milliseconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 900_000:
        raise ValueError(f"{text} ms: must be above 0, and below the 15 minutes of Lambda")
    return value


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
