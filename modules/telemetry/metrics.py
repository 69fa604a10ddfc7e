"""CloudWatch metrics in the embedded metric format; start at `count`.

Metrics are collected here, and written once per invocation by `reports.observed`.
docs/operations.md lists every metric.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

from .logs import SERVICE

_NAMESPACE = "ObjectDetection"
_MOST = 100  # metrics in a document, and values of a metric: the format's limits


class Metrics:
    """Collects values, and writes them as documents to standard output. Threads may share it.

    Nothing is written where POWERTOOLS_METRICS_DISABLED is "true".
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._units: dict[str, str] = {}
        self._values: dict[str, list[float]] = {}

    def add(self, name: str, unit: str, value: float) -> None:
        """Adds a value to a metric; `unit` is one of CloudWatch's. Writes a full document."""
        with self._lock:
            self._units[name] = unit
            values = self._values.setdefault(name, [])
            values.append(float(value))
            if len(self._values) == _MOST or len(values) == _MOST:
                self._write()

    def flush(self) -> None:
        """Writes what was collected, if anything was."""
        with self._lock:
            if self._values:
                self._write()

    def clear(self) -> None:
        """Forgets what was collected."""
        with self._lock:
            self._values, self._units = {}, {}

    def _write(self) -> None:
        values, self._values = self._values, {}
        units, self._units = self._units, {}
        if os.environ.get("POWERTOOLS_METRICS_DISABLED", "").lower() == "true":
            return
        directive = {
            "Namespace": _NAMESPACE,
            "Dimensions": [["service"]],
            "Metrics": [{"Name": name, "Unit": units[name]} for name in values],
        }
        about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
        sys.stdout.write(json.dumps({"_aws": about, "service": SERVICE, **values}) + "\n")
        sys.stdout.flush()


metrics = Metrics()


def count(name: str, value: float = 1) -> None:
    """Adds to a counter."""
    metrics.add(name, "Count", value)


def count_kind(name: str, error: Exception) -> None:
    """Adds one to the counter of a kind of error, like `Failures.ImageError`.

    This is a metric for each kind, and not a dimension: a document of the embedded format has one
    value for each dimension, but the images of one event may fail in several ways.
    """
    count(f"{name}.{type(error).__name__}")


def measure(name: str, milliseconds: float) -> None:
    """Adds a duration to a metric."""
    metrics.add(name, "Milliseconds", milliseconds)
