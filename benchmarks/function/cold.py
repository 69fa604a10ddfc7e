"""Measures cold starts: their stages, memory and imports."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass, fields, replace
from pathlib import Path

from modules.cli.local_aws.runtime_api import Invocation, RuntimeApi

from .stage import BUCKET, DISTANCE, NAIVE, OURS, Side, Stage, event, serving, tidy
from .table import Table

_COLD = 9  # starts of each function
_IMPORTS_OF_EACH = 5
_REST = "Python's own"
_IMPORTS = {
    "NumPy": ("numpy",),
    "OpenCV": ("cv2",),
    "the AWS SDK": ("boto3", "botocore", "s3transfer", "urllib3", "dateutil", "jmespath", "six"),
    "Powertools": ("aws_lambda_powertools",),
    "the function and the S3 client": ("lambda_function", "modules", "naive_function"),
}


def cold() -> Table:
    """Measures whole starts by stage, and their peak memory."""
    rows = []
    for network, distance in (
        ("yolo-fastest-1.1-xl", 0),
        ("yolo-fastest-1.1-xl", DISTANCE),
        ("yolov3", 0),
    ):
        with serving(network, distance) as stage:
            starts: dict[str, list[_Start]] = {"naive": [], "ours": []}
            for _ in range(_COLD):
                for side in (NAIVE, OURS):
                    starts[side.name].append(_cold_start(stage, side))
        naive, ours = (_median_start(starts[name]) for name in ("naive", "ours"))
        for name, start in (("naive", naive), ("ours", ours)):
            share = start.peak / naive.peak
            rows.append(
                [
                    network,
                    f"{distance * 1000:.0f} ms" if distance else "here",
                    name,
                    f"{start.ready * 1000:,.0f}",
                    f"{start.model * 1000:,.0f}",
                    f"{start.image * 1000:,.0f}",
                    f"{start.seconds * 1000:,.0f}",
                    f"**{start.seconds / naive.seconds:.2f}**" if name == "ours" else "1",
                    f"{start.peak / 1e6:,.0f}",
                    f"**{share:.2f}**" if name == "ours" else "1",
                ]
            )
    return Table(
        "Cold start, and the most memory",
        "From the start of a process under Lambda's runtime client to its answer, in milliseconds: "
        f"medians of {_COLD} starts, which alternated; peak memory in MB. S3 is a local process "
        "(here), or has the given latency each way. MODEL names its bucket. Ready: the interpreter "
        "and the imports, until the process requests its first event. Model: fetching, importing "
        "and loading the model after that; naive does this within the image. Bars: 0.6 and 0.4 of "
        "naive's time; for yolov3 0.4 of naive's memory, and under 700 MB.",
        [
            *("network", "S3", "function", "ready", "model", "image", "total", "of naive"),
            *("MB", "of naive's"),
        ],
        rows,
    )


def imports() -> Table:
    """Measures the imports of the handlers' modules, by package."""
    with serving("yolo-fastest-1.1-xl") as stage:
        # a model without a bucket is not prefetched: importtime would count that thread's time, too
        alone = replace(stage, environment={**stage.environment, "MODEL": "models/none/"})
        sides = {side.name: _import_seconds(alone, side) for side in (NAIVE, OURS)}
    rows = [
        [group, *(f"{side[group] * 1000:.0f}" for side in sides.values())]
        for group in [*_IMPORTS, _REST]
    ]
    whole = [f"{sum(side.values()) * 1000:.0f}" for side in sides.values()]
    return Table(
        "What a cold start imports",
        "Milliseconds to import the function's module, by `python -X importtime`, the best of "
        "five; the measurement itself takes some of them. The S3 client is created while the "
        "function's own module is imported, and counts there.",
        ["packages", *sides],
        [*rows, ["total", *whole]],
    )


def _import_seconds(stage: Stage, side: Side) -> dict[str, float]:
    """Returns the seconds in each group of packages, of the fastest of several imports."""
    found = []
    for _ in range(_IMPORTS_OF_EACH):
        run = subprocess.run(
            [side.python, "-X", "importtime", "-c", f"import {side.handler.stem}"],
            cwd=side.handler.parent,
            env=stage.environment,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
        seconds = dict.fromkeys([*_IMPORTS, _REST], 0.0)
        for itself, name in re.findall(r"import time: +(\d+) \| +\d+ \| +(\S+)", run.stderr):
            package = name.partition(".")[0]
            group = next((key for key, names in _IMPORTS.items() if package in names), _REST)
            seconds[group] += int(itself) / 1e6
        found.append(seconds)
    return min(found, key=lambda seconds: sum(seconds.values()))


@dataclass(frozen=True)
class _Start:
    """A cold start: seconds of each stage and in total, and the peak memory in bytes."""

    ready: float
    model: float
    image: float
    seconds: float
    peak: float


def _median_start(starts: list[_Start]) -> _Start:
    """Returns the median of each number; the medians of the stages need not add up to the total."""
    names = [field.name for field in fields(_Start)]
    return _Start(*(statistics.median(getattr(start, name) for start in starts) for name in names))


def _cold_start(stage: Stage, side: Side) -> _Start:
    with tempfile.TemporaryDirectory() as folder:  # like /tmp, which is empty in a new container
        return _start(stage, side, folder)


def _start(stage: Stage, side: Side, folder: str) -> _Start:
    api = RuntimeApi()
    invocation = Invocation(str(uuid.uuid4()), json.dumps(event(0)).encode(), 0, "arn:aws:lambda")
    invocation.deadline_ms = int((time.time() + 120) * 1000)
    environment = {
        **stage.environment,
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": side.name,
        "PYTHONPATH": str(side.handler.parent),
        "TMP_FOLDER": folder,
    }
    api.invoke(invocation)
    start = time.perf_counter()
    process = subprocess.Popen(
        [side.python, "-m", "awslambdaric", f"{side.handler.stem}.lambda_handler"],
        cwd=side.handler.parent,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        api.ready.wait()
        ready = time.perf_counter() - start
        if not invocation.answered.wait(120) or invocation.error:
            raise RuntimeError(f"{side.name}: {invocation.error!r}")
        seconds = time.perf_counter() - start
        status = Path(f"/proc/{process.pid}/status").read_text()
    finally:
        process.kill()
        process.wait()
        api.close()
    peak = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024
    image = seconds - ready
    if side is OURS:
        body = stage.client.get_object(Bucket=BUCKET, Key="output/0.jpg.json")["Body"].read()
        image = sum(json.loads(body)["timings_ms"].values()) / 1000
    tidy(stage)
    return _Start(ready, seconds - ready - image, image, seconds, peak)
