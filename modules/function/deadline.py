"""Whether an invocation has the time to begin another image; start at `Deadline`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ROOM = 2.0  # images differ: the next may take so many times as long as the longest yet


class Deadline:
    """The end of an invocation, as far as it is known.

    An image that is cut off by it was begun in vain, and Lambda says no more than that time was
    up. The first image is begun in any case: it will never have more time than it has now. Those
    that are under way at the same time may each need the cores for as long as the longest did.
    """

    def __init__(self, remaining_milliseconds: Callable[[], float] | None) -> None:
        """`remaining_milliseconds` is the context's; None for all the time in the world."""
        self._remaining_milliseconds = remaining_milliseconds
        self._longest_seconds = 0.0
        self._under_way = 0
        self._lock = threading.Lock()

    def leaves_room(self) -> bool:
        """Whether the time left is enough for an image that takes longer than any before."""
        if self._remaining_milliseconds is None or not self._longest_seconds:
            return True
        room = self._longest_seconds * (_ROOM + self._under_way)
        return self._remaining_milliseconds() / 1000 >= room

    @contextmanager
    def image(self) -> Iterator[None]:
        """Takes the time of the image inside."""
        start = time.perf_counter()
        with self._lock:
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1
                seconds = time.perf_counter() - start
                self._longest_seconds = max(self._longest_seconds, seconds)
