"""Lines of logs and documents of metrics are those of Powertools for AWS Lambda, field by field."""

import io
import json
import logging
import time
import uuid
from typing import Any

import pytest
from aws_lambda_powertools.logging import Logger as ReferenceLogger
from aws_lambda_powertools.metrics import Metrics as ReferenceMetrics
from aws_lambda_powertools.metrics import MetricUnit

from modules.telemetry import metrics as own_metrics
from modules.telemetry.logs import Logger
from modules.telemetry.metrics import Metrics

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


@pytest.fixture
def loggers() -> tuple[Logger, ReferenceLogger, io.StringIO]:
    """Ours, the reference, and what that writes to."""
    service, written = str(uuid.uuid4()), io.StringIO()
    handler = logging.StreamHandler(written)
    reference = ReferenceLogger(service=service, logger_handler=handler, level="INFO")
    return Logger(service, "INFO"), reference, written


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("info", {"key": "input/ä b.jpg", "timings_ms": {"fetch": 1.5}, "detections": 0}),
        ("warning", {"key": None, "reason": "none", "kind": ""}),
        ("error", {"error": ValueError("as text"), "id": ("a", 1)}),
        ("critical", {}),
    ],
)
@pytest.mark.parametrize("trace", [TRACE, ""])
def test_a_log_line_is_that_of_powertools(
    method: str,
    fields: dict[str, Any],
    trace: str,
    loggers: tuple[Logger, ReferenceLogger, io.StringIO],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.0625)
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_062_500_000)
    own, reference, written = loggers
    for logger in (own, reference):
        logger.append_keys(request_id="42", cold_start=True)
        getattr(logger, method)("a message", **fields)

    assert capsys.readouterr().err == written.getvalue()


def test_an_exception_has_the_fields_that_powertools_gives_it(
    loggers: tuple[Logger, ReferenceLogger, io.StringIO], capsys: pytest.CaptureFixture[str]
) -> None:
    own, reference, written = loggers
    for logger in (own, reference):
        try:
            try:
                [].pop()
            except IndexError as error:
                error.add_note("a note")
                raise RuntimeError("no more") from error
        except RuntimeError as error:
            error.add_note("another note")
            logger.exception("unexpected error", key="a.jpg")

    ((found,), (wanted,)) = lines(capsys.readouterr().err), lines(written.getvalue())
    for one in (found, wanted):
        del one["timestamp"]
    assert found == wanted
    (frame,) = found["stack_trace"]["frames"]
    assert frame["statement"] == 'raise RuntimeError("no more") from error'
    assert found["location"].startswith("test_an_exception_has_")


def test_lines_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    for level, written in (("ERROR", 2), ("warning", 3), ("nonsense", 4), ("DEBUG", 4)):
        logger = Logger("a service", level)
        for method in (logger.info, logger.warning, logger.error, logger.critical):
            method("a message")

        assert len(lines(capsys.readouterr().err)) == written
    logger.set_level("CRITICAL")
    logger.error("a message")
    assert capsys.readouterr().err == ""


def test_a_key_that_is_no_unicode_does_not_stop_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    Logger("a service", "INFO").info("done", key="\udce4.jpg")

    assert "done" in capfd.readouterr().err


def test_a_document_of_metrics_is_that_of_powertools(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_metrics, "SERVICE", "a service")
    own = Metrics()
    reference = ReferenceMetrics(namespace="ObjectDetection", service="a service")
    reference.clear_metrics()
    for name, unit, value in (
        ("Images", MetricUnit.Count, 1),
        ("DrawMs", MetricUnit.Milliseconds, 1.25),
        ("Images", MetricUnit.Count, 0),
    ):
        own.add(name, unit.value, value)
        reference.add_metric(name, unit, value)
    own.flush()
    reference.flush_metrics()

    first, second = lines(capsys.readouterr().out)

    assert abs(first["_aws"].pop("Timestamp") - second["_aws"].pop("Timestamp")) < 60_000
    assert first == second
    assert list(first) == list(second)


def test_a_document_holds_at_most_100_metrics_and_100_values_of_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    metrics = Metrics()
    for number in range(150):
        metrics.add(f"Metric{number}", "Count", 1)
    for number in range(250):
        metrics.add("Many", "Count", number)
    metrics.flush()

    documents = lines(capsys.readouterr().out)
    for document in documents:
        (directive,) = document["_aws"]["CloudWatchMetrics"]
        assert len(directive["Metrics"]) <= 100
        assert all(len(document[metric["Name"]]) <= 100 for metric in directive["Metrics"])
    assert sum(len(document.get("Many", [])) for document in documents) == 250
    assert sum(f"Metric{number}" in one for number in range(150) for one in documents) == 150


def test_no_metrics_are_written_where_they_are_disabled_or_there_are_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = Metrics()
    metrics.flush()
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    metrics.add("Images", "Count", 1)
    metrics.flush()
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED")
    metrics.flush()

    assert capsys.readouterr().out == ""
