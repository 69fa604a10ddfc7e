"""Measures the cost of logs, metrics and traces, for a cold start and for each image.

    .venv/bin/python benchmarks/telemetry.py MODEL_DIR IMAGE

The cold start is the import of the function in a new process. Telemetry's share of it is its import
after NumPy and OpenCV, whose imports it shares. Powertools for AWS Lambda, which would write the
same lines, is imported in its place for comparison. An image is one event through the handler, with
a local S3 server. Processor times are compared, the smallest of several tries: other load on the
machine hardly changes them, and waiting for S3 would make telemetry's share look smaller.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

_TRIES = 5
_TIMED = "import time; start = time.process_time(); {}; print(time.process_time() - start)"
_FUNCTION = "import lambda_function"
_OTHERS = "import cv2, numpy"
_OURS = "import modules.telemetry.reports"
_POWERTOOLS = "import aws_lambda_powertools.logging, aws_lambda_powertools.metrics"


def cold_start() -> tuple[float, float, float]:
    """Returns the processor seconds to import the function, telemetry, and Powertools."""
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1"}

    def minimum(code: str) -> float:
        command = [sys.executable, "-c", code]
        runs = (
            subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
            )
            for _ in range(_TRIES)
        )
        return min(float(run.stdout) for run in runs)

    ours, powertools = (
        minimum(f"{_OTHERS}; {_TIMED.format(code)}") for code in (_OURS, _POWERTOOLS)
    )
    return minimum(_TIMED.format(_FUNCTION)), ours, powertools


def image(model: Path, picture: Path) -> tuple[float, float, float]:
    """Returns the seconds of one image, of its telemetry, and of its telemetry with a trace."""
    from modules.cli.local_aws.bucket import BUCKET, LocalBucket

    with LocalBucket("input/") as bucket:
        bucket.upload_model(model)
        import lambda_function
        from modules.telemetry.reports import observed, report_image
        from modules.telemetry.timings import Timings

        key = f"input/{picture.name}"
        bucket.client.put_object(Bucket=BUCKET, Key=key, Body=picture.read_bytes())
        event = {"bucket": BUCKET, "key": key, "force": True}
        timings = Timings()
        for stage in timings.milliseconds:
            with timings.stage(stage):
                pass

        def report() -> None:
            with observed(None):
                report_image(key, "sha256:" + "0" * 64, 5, timings)

        whole = _minimum(lambda: lambda_function.lambda_handler(event, None), 30)
        plain = _minimum(report, 1000)
        os.environ["_X_AMZN_TRACE_ID"] = "Root=1-0-0;Parent=0;Sampled=1"
        os.environ["AWS_XRAY_DAEMON_ADDRESS"] = "127.0.0.1:2000"
        return whole, plain, _minimum(report, 1000)


def _minimum(task: Callable[[], object], times: int) -> float:
    seconds = []
    for _ in range(times):
        start = time.process_time()
        task()
        seconds.append(time.process_time() - start)
    return min(seconds)


def main() -> None:
    """Prints the costs in milliseconds and as shares."""
    parser = argparse.ArgumentParser(description="what telemetry costs")
    parser.add_argument("model", type=Path, metavar="MODEL_DIR")
    parser.add_argument("image", type=Path, metavar="IMAGE")
    arguments = parser.parse_args()
    # the function's logs are written, as on Lambda, but not shown
    results = os.dup(1)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    start, ours, powertools = cold_start()
    whole, plain, traced = image(arguments.model, arguments.image)
    rows = (
        ("telemetry of a cold start", ours, start),
        ("Powertools instead", powertools, start),
        ("telemetry of an image", plain, whole),
        ("the same with a trace", traced, whole),
    )
    for name, part, of in rows:
        line = f"{name:28}{part * 1000:8.2f} of {of * 1000:8.1f} ms  {part / of:6.1%}\n"
        os.write(results, line.encode())


if __name__ == "__main__":
    main()
