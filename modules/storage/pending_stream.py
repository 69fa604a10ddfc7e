"""Opens an object in another thread, so that several requests wait for S3 at the same time.

Opening sends the request and waits for the beginning of the answer. The caller that takes the
stream reads the bytes. Until then, bytes that have arrived wait in the socket's buffer, so that an
object that is never read takes no further memory.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Self

from .object_stream import ObjectStream


class PendingStream:
    """A stream that another thread is opening. Leaving its context closes it, unless taken."""

    def __init__(self, executor: Executor, open_stream: Callable[[], ObjectStream]) -> None:
        self._future = executor.submit(open_stream)
        self._is_taken = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if not self._is_taken and self._future.exception() is None:
            self._future.result().__exit__()

    def take(self) -> ObjectStream:
        """Returns the stream as soon as it is open; the caller must close it.

        Raises:
            whatever opening it raised.
        """
        self._is_taken = True
        return self._future.result()
