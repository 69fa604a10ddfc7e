"""The logger of the whole project: one JSON document per line, to standard error.

CloudWatch takes standard error from there, and a command's standard output stays free for results.
docs/operations.md lists every message and field. The lines are those of Powertools for AWS Lambda's
Logger, which a test compares. Importing Powertools took 6 % of a cold start.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

# The deployment's name, which tells its stages apart in logs and metrics
SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", "object-detection")

# As in Python's logging
LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


class Logger:
    """Writes lines of at least one level; a field that is None is left out.

    Threads may share a logger.
    """

    def __init__(self, service: str, level: str) -> None:
        """`level` is a name in LEVELS; another text means INFO."""
        self._service = service
        self._least = LEVELS.get(level.upper(), LEVELS["INFO"])
        self._keys: dict[str, Any] = {}
        self._lock = threading.Lock()

    def set_level(self, level: str) -> None:
        """Writes no lines below this level, a name in LEVELS, from now on."""
        self._least = LEVELS[level]

    def append_keys(self, **fields: Any) -> None:
        """Adds fields to every later line."""
        self._keys = {**self._keys, **fields}

    def info(self, message: str, **fields: Any) -> None:
        """Writes a line about what is normal."""
        self._write("INFO", message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Writes a line about what somebody should know."""
        self._write("WARNING", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        """Writes a line about what failed."""
        self._write("ERROR", message, fields)

    def critical(self, message: str, **fields: Any) -> None:
        """Writes a line about what ends this process."""
        self._write("CRITICAL", message, fields)

    def exception(self, message: str, **fields: Any) -> None:
        """Writes a line about the exception that is being handled, with its traceback."""
        error = sys.exception()
        self._write("ERROR", message, {**fields, **(_describe(error) if error else {})})

    def _write(self, level: str, message: str, fields: dict[str, Any]) -> None:
        if LEVELS[level] < self._least:
            return
        caller = sys._getframe(2)
        line = {
            "level": level,
            "location": f"{caller.f_code.co_name}:{caller.f_lineno}",
            "message": message,
            "timestamp": _timestamp(time.time()),
            "service": self._service,
            **self._keys,
            **fields,
            "xray_trace_id": _trace_id(os.environ.get("_X_AMZN_TRACE_ID", "")),
        }
        known = {name: value for name, value in line.items() if value is not None}
        text = json.dumps(known, default=str, separators=(",", ":"), ensure_ascii=False)
        with self._lock:  # a line is written in one piece
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()


def _timestamp(seconds: float) -> str:
    """Formats a time as "2026-05-03 10:20:19,650+0200", in this machine's zone."""
    local = time.localtime(seconds)
    milliseconds = int(seconds * 1000) % 1000
    return time.strftime(f"%Y-%m-%d %H:%M:%S,{milliseconds:03d}%z", local)


def _trace_id(header: str) -> str | None:
    """Returns the trace's id in Lambda's "Root=1-…;Parent=…;Sampled=1"."""
    return header.split(";")[0].replace("Root=", "") or None


def _describe(error: BaseException) -> dict[str, Any]:
    """Returns the fields about an exception, with its traceback as text and as frames."""
    import traceback

    return {
        "exception": "".join(traceback.format_exception(error)).rstrip("\n"),
        "exception_name": type(error).__name__,
        "exception_notes": getattr(error, "__notes__", None),
        "stack_trace": {
            "type": type(error).__name__,
            "value": error,
            "module": type(error).__module__,
            "frames": [
                {
                    "file": frame.filename,
                    "line": frame.lineno,
                    "function": frame.name,
                    "statement": frame.line,
                }
                for frame in traceback.extract_tb(error.__traceback__)
            ],
        },
    }


logger = Logger(
    SERVICE,
    os.environ.get("POWERTOOLS_LOG_LEVEL") or os.environ.get("AWS_LAMBDA_LOG_LEVEL") or "INFO",
)
