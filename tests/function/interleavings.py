"""Runs concurrent programs in every order in which their requests can reach S3; see `explore`.

Each program runs in a thread, and waits before each request until the scheduler lets it continue.
So there is one request at a time, and an execution depends only on the choices of the scheduler.
Two neighbouring requests are independent if they have different keys, or if both only read. Orders
that differ only in independent neighbours are the same order: only the one in which the request of
the earlier program comes first is run.
"""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.function.watched_client import WatchedClient

READS = ("HeadObject", "GetObject")
_MAX_STEPS = 100  # of an execution; a sample draws so many choices, and ignores those left over


@dataclass(frozen=True)
class Request:
    """A request to S3. parameters: those of the client's method."""

    operation: str
    parameters: Mapping[str, Any]

    @property
    def key(self) -> str:
        return str(self.parameters["Key"])


Program = Callable[[WatchedClient], object]


class Killed(BaseException):
    """Ends a program that is killed; no code catches it."""


@dataclass
class _Thread:
    """A running program.

    killed_after: the program is killed, once, after so many writes; None for never. writes: how
    many it has sent. waiting: the request that it waits to send; None after the program has ended.
    is_refused: whether S3 refused the last request.
    """

    program: Program
    client: WatchedClient
    killed_after: int | None
    writes: int = 0
    waiting: Request | None = None
    is_refused: bool = False
    error: BaseException | None = None
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    stopped: queue.SimpleQueue[None] = field(default_factory=queue.SimpleQueue)

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()
        self.stopped.get()

    def step(self) -> None:
        """Sends the waiting request, and runs the program up to its next one."""
        self.go.release()
        self.stopped.get()

    def _run(self) -> None:
        self.client.before.append(self._wait)
        self.client.after.append(self._note)
        try:
            try:
                self.program(self.client)
            except Killed:
                self.program(self.client)  # as Lambda retries
        except BaseException as error:
            self.error = error
        self.client.before.remove(self._wait)
        self.client.after.remove(self._note)
        self.waiting = None
        self.stopped.put(None)

    def _wait(self, operation: str, parameters: Mapping[str, Any]) -> None:
        if self.killed_after == self.writes:
            self.killed_after = None
            raise Killed
        self.waiting = Request(operation, parameters)
        self.stopped.put(None)
        self.go.acquire()
        self.writes += operation not in READS

    def _note(self, operation: str, parameters: object, error: Exception | None) -> None:
        self.is_refused = error is not None


def execute(
    programs: Sequence[Program],
    clients: Sequence[WatchedClient],
    choices: list[int],
    kill: tuple[int, int] | None,
    watch: Callable[[Request], None],
) -> list[int]:
    """Runs programs to their end, one request at a time.

    Args:
        programs: what to run, each with its own client.
        clients: as many as programs.
        choices: for each step, the index of the program among those that may continue. After the
            last choice, the first program continues at every step.
        kill: the index of a program, and the number of writes after which it is killed and started
            again; None for no kill. A kill after a read needs no test: it leaves no trace, as if
            the program had been started later.
        watch: called with each request that S3 did not refuse.

    Returns:
        The number of options at each step.
    """
    threads = [
        _Thread(program, client, kill[1] if kill and kill[0] == number else None)
        for number, (program, client) in enumerate(zip(programs, clients, strict=True))
    ]
    for thread in threads:
        thread.start()
    options: list[int] = []
    last: tuple[int, Request] | None = None
    while ready := [
        (number, thread.waiting) for number, thread in enumerate(threads) if thread.waiting
    ]:
        allowed = [one for one in ready if not _is_same_order(last, one)] or ready[:1]
        choice = choices[len(options)] if len(options) < len(choices) else 0
        choice = min(choice, len(allowed) - 1)  # see `explore`
        options.append(len(allowed))
        last = allowed[choice]
        threads[last[0]].step()
        if not threads[last[0]].is_refused:
            watch(last[1])
    for thread in threads:
        if thread.error:
            raise thread.error
    return options


def explore(run: Callable[[list[int]], list[int]]) -> Iterator[list[int]]:
    """Calls `run` with every list of choices; yields each list.

    S3's times have whole seconds. Whether two uploads happen in the same second cannot be chosen,
    and may change what follows: an execution may then have fewer steps, or fewer options, than its
    list of choices expects.
    """
    choices: list[int] = []
    while True:
        options = run(choices)
        choices = choices[: len(options)] + [0] * (len(options) - len(choices))
        yield choices
        while choices and choices[-1] + 1 >= options[len(choices) - 1]:
            choices.pop()
        if not choices:
            return
        choices = [*choices[:-1], choices[-1] + 1]


def sample(run: Callable[[list[int]], list[int]], count: int) -> Iterator[list[int]]:
    """Calls `run` with `count` random lists of choices; yields each list."""
    draw = random.Random(count)
    for _ in range(count):
        choices = [draw.randrange(2) for _ in range(_MAX_STEPS)]
        run(choices)
        yield choices


def _is_same_order(last: tuple[int, Request] | None, one: tuple[int, Request]) -> bool:
    """Whether swapping these two requests gives the same order, which is run elsewhere."""
    if last is None or one[0] >= last[0]:
        return False
    before, after = last[1], one[1]
    return before.key != after.key or {before.operation, after.operation} <= set(READS)
