"""What a child process prints, as lines; see `ProcessLog`."""

from __future__ import annotations

import os
import select
import threading
from typing import IO

_CHUNK = 1 << 16  # bytes


class ProcessLog:
    """Reads a pipe in a thread, so that the process which writes into it never waits."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        """Starts to read; None is a pipe without content."""
        self._pipe = pipe  # the file must stay open while the thread reads
        self._lines: list[str] = []
        self._rest = b""  # after the last newline
        self._lock = threading.Lock()
        self._is_open = pipe is not None
        threading.Thread(target=self._keep_reading, daemon=True).start()

    def read(self) -> list[str]:
        """Returns all lines so far: at least what the process wrote before this call."""
        with self._lock:
            while self._is_open and self._wait(milliseconds=0):
                self._take()
            return self._lines.copy()

    def _keep_reading(self) -> None:
        while self._is_open:
            self._wait(milliseconds=None)
            with self._lock:
                # `read` may have taken it meanwhile, and reading an empty pipe would wait
                if self._is_open and self._wait(milliseconds=0):
                    self._take()

    def _wait(self, milliseconds: int | None) -> bool:
        """Waits until the pipe has content or is closed; returns whether that is so."""
        poll = select.poll()
        poll.register(self._descriptor)
        return bool(poll.poll(milliseconds))

    def _take(self) -> None:
        data = os.read(self._descriptor, _CHUNK)
        self._is_open = bool(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not data and self._rest:
            lines, self._rest = [self._rest], b""
        self._lines += (line.decode(errors="replace") for line in lines)

    @property
    def _descriptor(self) -> int:
        assert self._pipe is not None  # noqa: S101 - what has no pipe is not open
        return self._pipe.fileno()
