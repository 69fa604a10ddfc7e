"""What an operator sees: the logs, metrics and traces that leave the function's process."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from tests.colour_model import picture
from tests.conftest import ROOT
from tests.telemetry.test_tracing import PARENT, TRACE, Daemon, daemon

__all__ = ["daemon"]  # a fixture

GOOD = bytes(cv2.imencode(".png", picture(red=(1, 1), green=(3, 3)))[1])
# Answers events as Lambda's runtime client does: with a context, and one log line per error
RUNTIME = """
import json, sys, types
import lambda_function

for number, event in enumerate(json.load(sys.stdin)):
    context = types.SimpleNamespace(
        aws_request_id=f"request-{number}", get_remaining_time_in_millis=lambda: 60_000
    )
    try:
        lambda_function.lambda_handler(event, context)
    except Exception as error:
        print(f"[ERROR] {type(error).__name__}: {error}", file=sys.stderr)
"""
SECRETS = {
    "AWS_ACCESS_KEY_ID": "an-access-key",
    "AWS_SECRET_ACCESS_KEY": "a-secret-key",
    "AWS_SESSION_TOKEN": "a-session-token",
}


@dataclass(frozen=True)
class Output:
    """What a process wrote: log lines, metric documents, and everything as one text."""

    logs: list[dict[str, Any]]
    metrics: list[dict[str, Any]]
    text: str

    def logged(self, message: str) -> dict[str, Any]:
        (found,) = (line for line in self.logs if line["message"] == message)
        return found


def run(bucket: LocalBucket, *events: Any, **environment: str) -> Output:
    """Answers events in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", RUNTIME],
        input=json.dumps(events),
        cwd=ROOT,
        env={**os.environ, **bucket.environment, **SECRETS, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stderr.splitlines()
    return Output(
        [json.loads(line) for line in lines if line.startswith("{")],
        [json.loads(line) for line in done.stdout.splitlines()],
        done.stdout + done.stderr,
    )


def drop(bucket: LocalBucket, key: str, data: bytes) -> dict[str, str]:
    """Puts an object; returns an event that names it."""
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=data)
    return {"bucket": BUCKET, "key": key}


def sums(output: Output) -> dict[str, float]:
    """Returns the sum of each metric that the documents declare, as CloudWatch computes it."""
    found: dict[str, float] = {}
    for document in output.metrics:
        for directive in document["_aws"]["CloudWatchMetrics"]:
            assert directive["Namespace"] == "ObjectDetection"
            assert directive["Dimensions"] == [["service"]]
            for metric in directive["Metrics"]:
                name = metric["Name"]
                found[name] = found.get(name, 0) + sum(document[name])
    return found


@pytest.fixture
def pictures(bucket: LocalBucket, colour_model: Path) -> LocalBucket:
    bucket.upload_model(colour_model)
    return bucket


def test_a_served_image_is_logged_in_one_line_with_every_field(pictures: LocalBucket) -> None:
    output = run(pictures, drop(pictures, "input/a b.png", GOOD))

    line = output.logged("done")
    assert line["level"] == "INFO"
    assert line["service"] == "object-detection"
    assert line["request_id"] == "request-0"
    assert line["cold_start"] is True
    assert line["key"] == "input/a b.png"
    assert line["digest"].startswith("sha256:")
    assert line["detections"] == 2
    assert set(line["timings_ms"]) == {"fetch", "decode", "infer", "draw", "publish"}


def test_logs_and_metrics_have_the_name_of_the_deployment(pictures: LocalBucket) -> None:
    event = drop(pictures, "input/a.png", GOOD)

    output = run(pictures, event, POWERTOOLS_SERVICE_NAME="object-detection-prod")

    assert {line["service"] for line in output.logs} == {"object-detection-prod"}
    assert {document["service"] for document in output.metrics} == {"object-detection-prod"}


def test_only_the_first_invocation_is_a_cold_start(pictures: LocalBucket) -> None:
    events = [drop(pictures, f"input/{name}.png", GOOD) for name in "ab"]

    output = run(pictures, *events)

    done = [line for line in output.logs if line["message"] == "done"]
    assert [(line["request_id"], line["cold_start"]) for line in done] == [
        ("request-0", True),
        ("request-1", False),
    ]
    assert [document["ColdStarts"] for document in output.metrics] == [[1.0], [0.0]]


def test_metrics_count_images_by_outcome_and_errors_by_kind(pictures: LocalBucket) -> None:
    output = run(
        pictures,
        drop(pictures, "input/a.png", GOOD),
        drop(pictures, "input/page.png", b"<html></html>"),
        drop(pictures, "elsewhere/a.png", GOOD),
        {"bucket": BUCKET, "key": "input/gone.png"},
        {"bucket": "nowhere", "key": "input/a.png"},
    )

    counted = sums(output)
    wanted = {
        "Images": 1,
        "Skipped": 0,
        "Failures": 1,
        "Failures.ImageError": 1,
        "Ignored": 2,
        "Unserved": 1,
        "Unserved.StorageError": 1,
        "Detections": 2,
        "ColdStarts": 1,
    }
    assert {name: counted[name] for name in wanted} == wanted
    assert {"FetchMs", "DecodeMs", "InferMs", "DrawMs", "PublishMs"} < counted.keys()
    assert len(output.metrics) == 5


def test_a_failure_is_logged_with_its_key_kind_and_reason(pictures: LocalBucket) -> None:
    output = run(pictures, drop(pictures, "input/page.png", b"<html></html>"))

    line = output.logged("image failed permanently")
    assert line["level"] == "WARNING"
    assert (line["key"], line["kind"]) == ("input/page.png", "ImageError")
    assert "HTML" in line["error"]


def test_an_image_that_will_be_retried_is_logged_with_its_key_kind_and_reason(
    pictures: LocalBucket,
) -> None:
    output = run(pictures, {"bucket": "nowhere", "key": "input/a.png"})

    line = output.logged("will be retried")
    assert line["level"] == "ERROR"
    assert (line["key"], line["kind"]) == ("input/a.png", "StorageError")
    assert "NoSuchBucket" in line["error"]


def test_logs_contain_no_credentials_signatures_or_image_contents(pictures: LocalBucket) -> None:
    marker = "what-is-in-the-image"
    cut = GOOD[: len(GOOD) // 2] + marker.encode()

    output = run(
        pictures,
        drop(pictures, "input/a.png", GOOD),
        drop(pictures, "input/text.png", marker.encode()),
        drop(pictures, "input/cut.png", cut),
        {"bucket": BUCKET, "key": "input/gone.png"},
        {"bucket": "nowhere", "key": "input/a.png"},
        {"Records": [{"no": "record"}]},
        _X_AMZN_TRACE_ID=f"Root={TRACE};Parent={PARENT};Sampled=1",
        POWERTOOLS_LOG_LEVEL="DEBUG",
    )

    messages = [line["message"] for line in output.logs]
    assert {"done", "image failed permanently", "will be retried"} <= set(messages)
    for secret in (*SECRETS.values(), marker, "Signature", "X-Amz-", "Credential="):
        assert secret not in output.text


def test_a_traced_invocation_sends_every_stage_to_the_daemon(
    pictures: LocalBucket, daemon: Daemon
) -> None:
    run(
        pictures,
        drop(pictures, "input/a.png", GOOD),
        AWS_XRAY_DAEMON_ADDRESS=daemon.address,
        _X_AMZN_TRACE_ID=f"Root={TRACE};Parent={PARENT};Sampled=1",
    )

    (image,) = daemon.received()
    assert image["parent_id"] == PARENT
    assert image["annotations"]["detections"] == 2
    stages = image["subsegments"]
    assert [one["name"] for one in stages] == ["fetch", "decode", "infer", "draw", "publish"]
    for earlier, later in pairwise(stages):
        assert image["start_time"] <= earlier["start_time"] <= later["start_time"]
        assert later["end_time"] <= image["end_time"]
