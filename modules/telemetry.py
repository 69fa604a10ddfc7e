"""Logs and metrics; start at `logger` and `metrics`.

Logs are one JSON document a line, to standard error: CloudWatch takes it from there, and a
command's standard output stays free for results. Metrics are CloudWatch's embedded format, which
the function flushes once an invocation.
"""

from __future__ import annotations

import sys

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

logger = Logger(service="object-detection", stream=sys.stderr)
metrics = Metrics(namespace="ObjectDetection", service="object-detection")


def count(name: str, value: float = 1) -> None:
    """Adds to a metric that counts."""
    metrics.add_metric(name, MetricUnit.Count, value)


def measure(name: str, milliseconds: float) -> None:
    """Adds a duration to a metric."""
    metrics.add_metric(name, MetricUnit.Milliseconds, milliseconds)
