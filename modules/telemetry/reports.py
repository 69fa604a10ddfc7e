"""Logs and metrics; start at `observed` and `report_image`.

Logs are one JSON document a line, to standard error: CloudWatch takes it from there, and a
command's standard output stays free for results. Metrics are CloudWatch's embedded format, which
`observed` flushes once an event. docs/operations.md lists both for those who read them.

Powertools is 2 to 3 % of a cold start, as boto3 has loaded most of what it imports, and what is
said of one image takes less than 1 % of its time (benchmarks/telemetry.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .logs import logger
from .metrics import count, count_kind, measure, metrics
from .tracing import send_image

if TYPE_CHECKING:
    from .timings import Timings

_invocations = itertools.count()


@contextmanager
def observed(context: Any) -> Iterator[None]:
    """Gives what is logged inside the invocation's id, and sends its metrics in the end.

    `context` is Lambda's, or None where there is none. The first invocation of an execution
    environment is a cold start.
    """
    is_cold = next(_invocations) == 0
    logger.append_keys(request_id=context and context.aws_request_id, cold_start=is_cold)
    try:
        yield
    finally:
        count("ColdStarts", int(is_cold))
        metrics.flush_metrics()


def report_image(key: str, digest: str, detections: int, timings: Timings) -> None:
    """Logs, measures and traces an image that was served.

    Args:
        key: the image's.
        digest: the model's.
        detections: how many objects were found.
        timings: how long each stage took.
    """
    count("Detections", detections)
    for stage, milliseconds in timings.milliseconds.items():
        measure(f"{stage.capitalize()}Ms", milliseconds)
    logger.info("done", key=key, digest=digest, detections=detections, timings_ms=timings.rounded())
    send_image(key, timings.spans, {"digest": digest, "detections": detections})


def report_failure(key: str, error: Exception) -> None:
    """Logs and counts an image that failed for good."""
    count_kind("Failures", error)
    logger.warning("failed for good", key=key, kind=type(error).__name__, error=str(error))
