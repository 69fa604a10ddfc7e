"""Runs a function's handler in this process and prints where each invocation's time went.

    PYTHON benchmarks/invocations.py HANDLER.py EVENTS.json

`function/` starts it with the Python, OpenCV and environment of the function that is measured.
HANDLER.py has `lambda_handler`. EVENTS.json is a list of events, of which the first ones warm up.
The last line of the output is JSON, one row per event: seconds in total, of processor time, in
calls to S3 and in forward passes, the names of the calls, and the peak memory so far, in bytes. The
lines before it are the function's own.
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
    """The seconds in calls to S3 and in forward passes, and the calls' names, since `reset`.

    Calls that overlap in time count once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Sets all counts to zero."""
        self.seconds = {"s3": 0.0, "forward": 0.0}
        self.calls = list[str]()
        self._running = {"s3": 0, "forward": 0}
        self._since = {"s3": 0.0, "forward": 0.0}

    def timed(self, function: Callable[..., Any], what: str) -> Callable[..., Any]:
        """Wraps a function so that its time is added to `what`."""

        def run(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                if not self._running[what]:
                    self._since[what] = time.perf_counter()
                self._running[what] += 1
            try:
                return function(*arguments, **named)
            finally:
                with self._lock:
                    self._running[what] -= 1
                    if not self._running[what]:
                        self.seconds[what] += time.perf_counter() - self._since[what]

        return run


def main() -> None:
    """Runs the events and prints the rows of those after the warm-up."""
    handler_path, events_path = map(Path, sys.argv[1:])
    watch = Stopwatch()
    sys.path.insert(0, str(handler_path.parent))
    handler = importlib.import_module(handler_path.stem).lambda_handler
    _watch_s3(watch)
    _watch_forward(watch)
    rows = []
    for event in json.loads(events_path.read_text()):
        watch.reset()
        start, cpu = time.perf_counter(), time.process_time()
        handler(event, None)
        rows.append(
            {
                "total": time.perf_counter() - start,
                "cpu": time.process_time() - cpu,
                **watch.seconds,
                "calls": watch.calls,
                "peak": _peak(),
            }
        )
    print(json.dumps(rows[WARM_UP:]))


def _peak() -> int:
    """Returns the peak memory of this process, in bytes."""
    (line,) = (
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1]) * 1024


def _watch_s3(watch: Stopwatch) -> None:
    """Measures the calls of our client, or of the SDK, and the reading of their answers."""
    if ours := sys.modules.get("modules.storage.function_client"):
        methods: Any = ours.FunctionClient
        ask = watch.timed(methods._call, "s3")

        def counted_by_us(self: Any, operation: str, request: Any) -> Any:
            watch.calls.append(operation)
            return ask(self, operation, request)

        methods._call = counted_by_us
        body = sys.modules["modules.storage.obstore_answers"].Body
        body.readinto = watch.timed(body.readinto, "s3")
        return
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
    """Measures forward passes: of our engines, or of OpenCV's network in other functions."""
    engines = sys.modules.get("modules.object_detection.engines.registry")
    if engines is not None:
        for name in engines.ENGINE_NAMES:
            engine = engines.engine_class(name)
            engine.forward = watch.timed(engine.forward, "forward")
        return
    import cv2

    read = cv2.dnn.readNetFromDarknet

    class Net:
        """Wraps OpenCV's network, because the built-in class cannot be changed."""

        def __init__(self, *files: str) -> None:
            self._net = read(*files)
            self.forward = watch.timed(self._net.forward, "forward")

        def __getattr__(self, name: str) -> Any:
            return getattr(self._net, name)

    cv2.dnn.readNetFromDarknet = Net


if __name__ == "__main__":
    main()
