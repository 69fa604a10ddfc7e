"""Measures warm invocations: their time, their calls to S3, a large image."""

from __future__ import annotations

import collections
import statistics
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.object_detection.images import encode_image
from modules.results.pipeline import draw, process
from modules.settings import Settings
from modules.telemetry.timings import Timings

from .stage import (
    NAIVE,
    OURS,
    ROOT,
    WARM,
    invocations,
    median,
    model_folder,
    serving,
    without_s3,
)
from .table import Table

_ROUNDS = 3  # each runs one process of each function


def warm() -> Table:
    """Measures invocations of both functions, and the forward pass's part of ours."""
    rows = []
    for network in ("yolov4-tiny", "yolo-fastest-1.1"):
        found = collections.defaultdict[str, list[dict[str, Any]]](list)
        with serving(network) as stage:
            for _ in range(_ROUNDS):
                found["naive"] += invocations(stage, NAIVE)
                for engine in ("opencv", "auto"):
                    found[engine] += invocations(stage, OURS, ENGINE=engine)
        naive = median(found["naive"], without_s3)
        for engine in ("opencv", "auto"):
            ours = found[engine]
            whole = median(ours, without_s3)
            forward = median(ours, lambda row: row["forward"])
            rest = median(ours, _not_forward)
            rows.append(
                [
                    *(network, engine),
                    *(f"{seconds * 1000:.1f}" for seconds in (naive, whole)),
                    f"**{naive / whole:.1f}**",
                    f"{forward * 1000:.1f}",
                    f"**{rest / forward:.0%}**",
                ]
            )
    return Table(
        "A warm invocation",
        f"A JPEG of 768 x 576 pixels: medians of {_ROUNDS * WARM} events in milliseconds, from "
        f"{_ROUNDS} processes of each function, which ran alternately; without the time in calls "
        "to S3. Bars: naive / ours at least 4.5 (yolov4-tiny) and 3 (yolo-fastest-1.1); everything "
        "except the forward pass at most 20 % and 120 % of the forward pass. The default engine is "
        "OpenCV; ENGINE=auto is ONNX Runtime here.",
        [
            *("network", "engine", "naive", "ours", "naive / ours"),
            *("of ours, forward", "the rest / forward"),
        ],
        rows,
    )


def calls() -> Table:
    """Lists the calls to S3 of each function."""
    with serving("yolo-fastest-1.1") as stage:
        rows = [invocations(stage, side)[-1] for side in (NAIVE, OURS)]
    return Table(
        "S3's calls of a warm image",
        "Bar: one HEAD, one GET, two PUTs.",
        ["function", "calls"],
        [
            [
                side.name,
                ", ".join(
                    f"{count} {name}" for name, count in collections.Counter(row["calls"]).items()
                ),
            ]
            for side, row in zip((NAIVE, OURS), rows, strict=True)
        ],
    )


def large_jpeg() -> Table:
    """Measures a large image from bytes to bytes, relative to its codec alone."""
    small = cv2.imread(str(ROOT / "demo" / "street.jpg"))
    data = encode_image(cv2.resize(small, (6000, 4000), interpolation=cv2.INTER_CUBIC), "jpeg")
    settings = Settings()
    model = load_model(LocalFolder(model_folder("yolo-fastest-1.1")), settings)

    def once() -> None:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, 92))

    def ours() -> None:
        timings = Timings()
        draw(process(data, model, settings, timings), model, settings, timings)

    baseline, whole = alternate(once, ours, 7)
    return Table(
        "A JPEG of 24 megapixels",
        "6,000 x 4,000 pixels, yolo-fastest-1.1, from bytes to bytes, relative to one decoding and "
        "one encoding by OpenCV at the same quality. Bar: 1.3.",
        ["decode and encode, ms", "ours, ms", "ours / decode and encode"],
        [[f"{baseline * 1000:.0f}", f"{whole * 1000:.0f}", f"**{whole / baseline:.2f}**"]],
    )


def _not_forward(row: dict[str, Any]) -> float:
    return without_s3(row) - float(row["forward"])


def alternate(
    one: Callable[[], None], other: Callable[[], None], times: int
) -> tuple[float, float]:
    """Runs two functions alternately; returns the median seconds of both."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(times + 1):
        for what, found in zip((one, other), seconds, strict=True):
            start = time.perf_counter()
            what()
            if number:  # the first warms up
                found.append(time.perf_counter() - start)
    return statistics.median(seconds[0]), statistics.median(seconds[1])
