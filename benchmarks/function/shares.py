"""Invocations with the share of the cores that memory buys: threads, several images, prices."""

from __future__ import annotations

import math
from typing import Any

from modules.function.threads import MB_PER_CORE

from .cpu_share import CpuShare
from .prices import MEMORIES, S3_SECONDS, price
from .stage import DISTANCE, NETWORKS, OURS, Stage, invocations, median, serving, without_s3
from .table import Table

_SHARED_OUT = 10  # invocations with a share of the cores, which may take seconds
_SEVERAL = 10  # images of an event that has several
_HEADROOM = 1.3  # of memory, over what was measured


def threads() -> Table:
    """One thread or two, by memory."""
    rows = []
    for network in ("yolo-fastest-1.1", "yolov4-tiny"):
        with serving(network) as stage:
            for engine in ("opencv", "onnxruntime"):
                for memory in MEMORIES:
                    one, two = (
                        median(_within(stage, memory, threads, ENGINE=engine), without_s3)
                        for threads in (1, 2)
                    )
                    ours = math.ceil(memory / MB_PER_CORE)
                    ratio = (two / one) ** (1 if ours == 1 else -1)
                    rows.append(
                        [
                            *(network, engine, f"{memory:,}"),
                            *(f"{seconds * 1000:.0f}" for seconds in (one, two)),
                            f"{ours}",
                            f"**{ratio:.2f}**",
                        ]
                    )
    return Table(
        "Threads, by the share of the cores that memory buys",
        "Warm invocations without S3, in milliseconds, with one thread and with two; the function "
        "chooses one where it has up to one core, and two above. Lambda shows two cores whatever "
        "the share. The last column is the other choice's time over ours.",
        [
            *("network", "engine", "MB", "one thread", "two threads", "ours", "the other / ours"),
        ],
        rows,
    )


def several() -> Table:
    """An event of several images against an event for each."""
    rows = []
    with serving("yolo-fastest-1.1-xl", DISTANCE) as stage:
        for cores in (1, 2):
            found = []
            for images in (1, _SEVERAL):
                runs = _within(
                    stage,
                    cores * MB_PER_CORE,
                    cores,
                    events=_SEVERAL if images == 1 else 2,
                    images=images,
                )
                found.append(median(runs, lambda row: float(row["total"])) / images)
            alone, together = found
            rows.append(
                [
                    f"{cores}",
                    *(f"{seconds * 1000:.0f}" for seconds in found),
                    f"**{together / alone:.2f}**",
                ]
            )
    return Table(
        f"{_SEVERAL} images in one event",
        "Milliseconds an image, S3's calls included, with S3 "
        f"{DISTANCE * 1000:.0f} ms away from the function, each way; yolo-fastest-1.1-xl, warm.",
        ["cores", "an event for each", "one event", "one / each"],
        rows,
    )


def prices() -> Table:
    """What images cost, by network and memory."""
    rows = []
    for network in NETWORKS:
        with serving(network) as stage:
            peak = max(row["peak"] for row in invocations(stage, OURS, events=1)) / 1e6
            found = {
                memory: (price(memory, billed), billed)
                for memory in MEMORIES
                if memory > peak * _HEADROOM
                for billed in [S3_SECONDS + _billed(stage, memory)]
            }
        best = min(found, key=lambda memory: found[memory][0])
        rows.append(
            [
                network,
                f"{peak:,.0f}",
                *(
                    f"{found[memory][1] * 1000:,.0f} ms, ${found[memory][0]:,.2f}"
                    if memory in found
                    else ""
                    for memory in MEMORIES
                ),
                f"**{best:,}**",
            ]
        )
    return Table(
        "Dollars for a million images",
        "By memory in MB: what an image is billed, and dollars for a million. Measured with the "
        "share of the cores that Lambda gives for the memory (one for 1,769 MB), as medians of "
        f"warm invocations of one image each on the local S3, and {S3_SECONDS * 1000:.0f} ms more "
        "for one that is further away, which is an assumption. Lambda x86-64 $0.0000166667 a "
        "GB-second and $0.20 a million requests; S3 two PUTs at $0.005 and two reads at $0.0004 a "
        "thousand: list prices of us-east-1, to be checked. Memory settings begin at "
        f"{_HEADROOM} times the peak. Rekognition's DetectLabels lists at $1,000.",
        ["network", "peak, MB", *(f"{memory:,}" for memory in MEMORIES), "cheapest"],
        rows,
    )


def _billed(stage: Stage, memory: int) -> float:
    """Seconds that a warm invocation takes at so much memory."""
    threads = math.ceil(memory / MB_PER_CORE)
    return median(_within(stage, memory, threads, ENGINE="opencv"), lambda row: float(row["total"]))


def _within(
    stage: Stage,
    memory: int,
    threads: int,
    *,
    events: int = _SHARED_OUT,
    images: int = 1,
    **variables: str,
) -> list[dict[str, Any]]:
    """Invocations with the share of the cores that so much memory buys, and so many threads."""
    variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = f"{threads * MB_PER_CORE}"
    with CpuShare(memory / MB_PER_CORE) as share:
        return invocations(stage, OURS, share=share, events=events, images=images, **variables)
