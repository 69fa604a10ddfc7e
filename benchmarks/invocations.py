"""Runs a function's handler warm, in this process, and prints where each image's time went.

    PYTHON benchmarks/invocations.py HANDLER.py EVENTS.json

Python, OpenCV and the environment are those of the function that is measured; `function/` sets
them. HANDLER.py has `lambda_handler`. EVENTS.json is a list of events; the first ones warm up. The
last line printed is JSON, a row an event: seconds in all, in S3's calls, in forward passes, and the
calls' names, and the most memory so far, in bytes. What comes before is the function's own.
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARM_UP = 3


class Stopwatch:
    """Seconds in S3's calls and in forward passes, and the calls' names, since `reset`.

    Calls that run side by side count once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Begins anew."""
        self.seconds = {"s3": 0.0, "forward": 0.0}
        self.calls = list[str]()
        self._under_way = {"s3": 0, "forward": 0}
        self._since = {"s3": 0.0, "forward": 0.0}

    def timed(self, function: Callable[..., Any], what: str) -> Callable[..., Any]:
        """The same function, its time counted."""

        def run(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                if not self._under_way[what]:
                    self._since[what] = time.perf_counter()
                self._under_way[what] += 1
            try:
                return function(*arguments, **named)
            finally:
                with self._lock:
                    self._under_way[what] -= 1
                    if not self._under_way[what]:
                        self.seconds[what] += time.perf_counter() - self._since[what]

        return run


def main() -> None:
    """Runs the events, and prints a row for each of those after the first."""
    handler_path, events_path = map(Path, sys.argv[1:])
    watch = Stopwatch()
    _watch_s3(watch)
    sys.path.insert(0, str(handler_path.parent))
    handler = importlib.import_module(handler_path.stem).lambda_handler
    _watch_forward(watch)
    rows = []
    for event in json.loads(events_path.read_text()):
        watch.reset()
        start = time.perf_counter()
        handler(event, None)
        rows.append(
            {
                "total": time.perf_counter() - start,
                **watch.seconds,
                "calls": watch.calls,
                "peak": _peak(),
            }
        )
    print(json.dumps(rows[WARM_UP:]))


def _peak() -> int:
    """The most memory that this process has had, in bytes."""
    (line,) = (
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1]) * 1024


def _watch_s3(watch: Stopwatch) -> None:
    """Counts the SDK's calls, and the reading of their answers."""
    from botocore.client import BaseClient
    from botocore.response import StreamingBody

    client: Any = BaseClient
    call = watch.timed(client._make_api_call, "s3")

    def counted(self: Any, name: str, parameters: Any) -> Any:
        watch.calls.append(name)
        return call(self, name, parameters)

    client._make_api_call = counted
    for name in ("read", "readinto"):
        setattr(StreamingBody, name, watch.timed(getattr(StreamingBody, name), "s3"))


def _watch_forward(watch: Stopwatch) -> None:
    """Counts forward passes: of our engines, or of OpenCV's network where they are not used."""
    if "modules.object_detection.engines.registry" in sys.modules:
        engines = sys.modules["modules.object_detection.engines.registry"]
        for engine in (engines.OpenCvEngine, engines.OnnxRuntimeEngine):
            engine.forward = watch.timed(engine.forward, "forward")
        return
    import cv2

    read = cv2.dnn.readNetFromDarknet

    class Net:
        """OpenCV's network, watched: its class is built in, and cannot be changed."""

        def __init__(self, *files: str) -> None:
            self._net = read(*files)
            self.forward = watch.timed(self._net.forward, "forward")

        def __getattr__(self, name: str) -> Any:
            return getattr(self._net, name)

    cv2.dnn.readNetFromDarknet = Net


if __name__ == "__main__":
    main()
