"""CloudWatch metrics in the embedded metric format; start at `count`.

Metrics are collected here, and written once per invocation by `reports.observed`.
docs/operations.md lists every metric.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format.html
"""

from __future__ import annotations

import threading

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from .logs import SERVICE

metrics = Metrics(namespace="ObjectDetection", service=SERVICE)

# Threads serve the images of one event concurrently, and all of them add metrics
_lock = threading.Lock()


def count(name: str, value: float = 1) -> None:
    """Adds to a counter."""
    _add(name, MetricUnit.Count, value)


def count_kind(name: str, error: Exception) -> None:
    """Adds one to the counter of a kind of error, like `Failures.ImageError`.

    This is a metric for each kind, and not a dimension: a document of the embedded format has one
    value for each dimension, but the images of one event may fail in several ways.
    """
    count(f"{name}.{type(error).__name__}")


def measure(name: str, milliseconds: float) -> None:
    """Adds a duration to a metric."""
    _add(name, MetricUnit.Milliseconds, milliseconds)


def _add(name: str, unit: MetricUnit, value: float) -> None:
    with _lock:
        metrics.add_metric(name, unit, value)
