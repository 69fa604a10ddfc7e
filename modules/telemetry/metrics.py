"""CloudWatch metrics in the embedded format; start at `count`."""

from __future__ import annotations

import threading

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from .logs import SERVICE

metrics = Metrics(namespace="ObjectDetection", service=SERVICE)


_adding = threading.Lock()  # images of one event are served, and counted, side by side


def count(name: str, value: float = 1) -> None:
    """Adds to a metric that counts."""
    _add(name, MetricUnit.Count, value)


def measure(name: str, milliseconds: float) -> None:
    """Adds a duration to a metric."""
    _add(name, MetricUnit.Milliseconds, milliseconds)


def _add(name: str, unit: MetricUnit, value: float) -> None:
    with _adding:
        metrics.add_metric(name, unit, value)


def count_kind(name: str, error: Exception) -> None:
    """Adds to the metric of one kind of failure, like `Failures.ImageError`.

    A metric of its own, and no dimension: a blob of the embedded format has one value for each
    dimension, and an event's images fail in several ways.
    """
    count(f"{name}.{type(error).__name__}")
