"""An object that is opened beside other requests, so that S3's answers are waited for once.

PendingStream sends a request, and waits for the beginning of the answer. The bytes are read by whoever
takes the stream; what has come by then waits in the socket's buffer, and no more memory is taken
for an object that nobody wants in the end.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Self

from .object_stream import ObjectStream


class PendingStream:
    """A stream on its way. Leaving its context closes it, unless it was taken."""

    def __init__(self, executor: Executor, open_stream: Callable[[], ObjectStream]) -> None:
        self._future = executor.submit(open_stream)
        self._is_taken = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if not self._is_taken and self._future.exception() is None:
            self._future.result().__exit__()

    def take(self) -> ObjectStream:
        """The stream, which is the taker's to close from now on.

        Raises:
            whatever opening it raised.
        """
        self._is_taken = True
        return self._future.result()
