"""Runs programs that talk to S3 in every order in which their requests can reach it; see `explore`.

Each program runs in a thread of its own, and waits before each request until the scheduler lets it
go on, so that there is one request at a time and an execution depends on the choices alone. Orders
that differ only in requests that do not touch (on different keys, or both reading) are one order:
of two such neighbours, that of the earlier program comes first.
"""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.client import BaseClient

READS = ("HeadObject", "GetObject")
_LONGEST = 100  # turns of an execution; what is drawn beyond its last is not looked at


@dataclass(frozen=True)
class Request:
    """What is sent to S3, by its operation and parameters."""

    operation: str
    parameters: dict[str, Any]

    @property
    def key(self) -> str:
        return str(self.parameters["Key"])


Program = Callable[[BaseClient], object]


class Killed(BaseException):
    """What ends a program that is killed; nothing catches it."""


@dataclass
class _Thread:
    """A program under way.

    writes: how many it has sent. waiting: the request that it waits to send; None when it is over.
    is_refused: whether S3 did not do what the last one asked for. killed_after: how many writes it
    lives to send, once; it is never killed if None.
    """

    program: Program
    client: BaseClient
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
        """Sends the request that waits, and runs to the next."""
        self.go.release()
        self.stopped.get()

    def _run(self) -> None:
        events = self.client.meta.events
        events.register("before-parameter-build.s3", self._wait)
        events.register("after-call.s3", self._note)
        try:
            try:
                self.program(self.client)
            except Killed:
                self.program(self.client)  # Lambda tries again
        except BaseException as error:
            self.error = error
        events.unregister("before-parameter-build.s3", self._wait)
        events.unregister("after-call.s3", self._note)
        self.waiting = None
        self.stopped.put(None)

    def _wait(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        if self.killed_after == self.writes:
            self.killed_after = None
            raise Killed
        self.waiting = Request(model.name, params)
        self.stopped.put(None)
        self.go.acquire()
        self.writes += model.name not in READS

    def _note(self, http_response: Any, **_: Any) -> None:
        self.is_refused = http_response.status_code >= 300


def execute(
    programs: Sequence[Program],
    clients: Sequence[BaseClient],
    choices: list[int],
    kill: tuple[int, int] | None,
    watch: Callable[[Request], None],
) -> list[int]:
    """Runs programs by the choices given, then by the first that there is at each turn.

    `kill` is a program, and after how many writes it is killed, and started again. Being killed
    after reading leaves no trace: it is as if the program had been started later.
    `watch` sees each request that S3 did not refuse.

    Returns how many choices there were at each turn.
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
        allowed = [one for one in ready if not _is_other_order(last, one)] or ready[:1]
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
    """Has `run` go through every list of choices; yields each list.

    S3 counts seconds. Whether two uploads fall into one is nobody's choice, and may change what
    follows: an execution may then be shorter, or have fewer choices, than its list.
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
    """Has `run` go through lists of choices that are drawn at random; yields each."""
    draw = random.Random(count)
    for _ in range(count):
        choices = [draw.randrange(2) for _ in range(_LONGEST)]
        run(choices)
        yield choices


def _is_other_order(last: tuple[int, Request] | None, one: tuple[int, Request]) -> bool:
    """Whether the same order of requests that touch is explored with these two exchanged."""
    if last is None or one[0] >= last[0]:
        return False
    before, after = last[1], one[1]
    return before.key != after.key or {before.operation, after.operation} <= set(READS)
