"""Reports an invocation and its images as logs, metrics and traces.

Start at `observed`, which surrounds an invocation, and `report_image`. docs/operations.md lists
every message, field and metric.

The report of one image takes less than 1 % of the image's time (benchmarks/telemetry.py).
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
    """Adds the invocation's id to every log line inside, and writes the metrics at the end.

    `context` is Lambda's, or None outside of Lambda. The first invocation of an execution
    environment is a cold start.
    """
    is_cold = next(_invocations) == 0
    logger.append_keys(request_id=context and context.aws_request_id, cold_start=is_cold)
    try:
        yield
    finally:
        count("ColdStarts", int(is_cold))
        metrics.flush()


def report_image(key: str | None, digest: str, detections: int, timings: Timings) -> None:
    """Logs, measures and traces an image that was served.

    Args:
        key: the image's; None for one in an HTTP request without a name.
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
    """Logs and counts an image that failed permanently."""
    count_kind("Failures", error)
    logger.warning("image failed permanently", key=key, kind=type(error).__name__, error=str(error))
