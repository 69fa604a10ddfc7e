"""Tells whether an invocation has enough time left to start another image; see `Deadline`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..results.time_limit import TimeLimit

# Images differ: the next one may take this many times as long as the longest one so far
_SAFETY_FACTOR = 2.0


class Deadline:
    """The end of an invocation, and how long its images take.

    Starting an image that cannot finish in time wastes the work, and Lambda reports only that the
    time was up. The first image is started in any case, because a retry would have no more time.
    Images that are in progress at the same time may each need the cores for as long as the longest
    one did.
    """

    def __init__(self, remaining_milliseconds: Callable[[], float] | None) -> None:
        """`remaining_milliseconds` is a method of Lambda's context; None means no time limit."""
        self._remaining_milliseconds = remaining_milliseconds
        self._longest_seconds = 0.0
        self._in_progress = 0
        self._lock = threading.Lock()

    def has_time_for_another(self) -> bool:
        """Whether the time left is enough for an image that takes longer than every one so far."""
        if self._remaining_milliseconds is None or not self._longest_seconds:
            return True
        needed = self._longest_seconds * (_SAFETY_FACTOR + self._in_progress)
        return self._remaining_milliseconds() / 1000 >= needed

    @contextmanager
    def image(self) -> Iterator[TimeLimit | None]:
        """Measures how long the image that is served inside takes; yields how long it may take."""
        start = time.perf_counter()
        with self._lock:
            self._in_progress += 1
        try:
            yield self._limit()
        finally:
            with self._lock:
                self._in_progress -= 1
                seconds = time.perf_counter() - start
                self._longest_seconds = max(self._longest_seconds, seconds)

    def _limit(self) -> TimeLimit | None:
        milliseconds = self._remaining_milliseconds
        if milliseconds is None:
            return None
        return TimeLimit(lambda: milliseconds() / 1000, is_first=not self._longest_seconds)
