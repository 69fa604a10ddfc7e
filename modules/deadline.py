"""Whether an invocation has the time to begin another image; start at `Deadline`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ROOM = 2.0  # images differ: the next may take so many times as long as the longest yet


class Deadline:
    """The end of an invocation, as far as it is known.

    An image that is cut off by it was begun in vain, and Lambda says no more than that time was
    up. The first image is begun in any case: it will never have more time than it has now.
    """

    def __init__(self, remaining_milliseconds: Callable[[], float] | None) -> None:
        """`remaining_milliseconds` is the context's; None for all the time in the world."""
        self._remaining_milliseconds = remaining_milliseconds
        self._longest_seconds = 0.0

    def leaves_room(self) -> bool:
        """Whether the time left is enough for an image that takes longer than any before."""
        if self._remaining_milliseconds is None or not self._longest_seconds:
            return True
        return self._remaining_milliseconds() / 1000 >= self._longest_seconds * _ROOM

    @contextmanager
    def image(self) -> Iterator[None]:
        """Takes the time of the image inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._longest_seconds = max(self._longest_seconds, time.perf_counter() - start)
