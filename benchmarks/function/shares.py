"""Measures invocations with a memory's share of the cores: threads, several images, prices."""

from __future__ import annotations

import math
from typing import Any

from modules.function.threads import MB_PER_CORE
from modules.settings import BOXES, DRAWINGS, NOTHING

from .cpu_share import CpuShare
from .prices import MEMORIES, S3_SECONDS, price
from .stage import DISTANCE, NETWORKS, OURS, WARM, Stage, invocations, median, serving, without_s3
from .table import Table

_EVENTS = 10  # invocations with a share of the cores; each may take seconds
_SEVERAL = 10  # images in an event with several
_ROUNDS = 8
_DRAWN_AT = (512, 1769)  # MB
_HEADROOM = 1.3  # memory settings start at this multiple of the measured peak


def threads() -> Table:
    """Measures one thread and two, by memory."""
    rows = []
    for network in ("yolo-fastest-1.1", "yolov4-tiny"):
        with serving(network) as stage:
            for engine in ("opencv", "onnxruntime"):
                for memory in MEMORIES:
                    one, two = (
                        median(
                            _invocations_with_share(stage, memory, threads, ENGINE=engine),
                            without_s3,
                        )
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
        "Warm invocations without S3, in milliseconds, with one thread and with two. The function "
        "uses one thread for up to one core, and two for more. Lambda always reports two cores. "
        "The last column is the time with the other number of threads, divided by ours.",
        [
            *("network", "engine", "MB", "one thread", "two threads", "ours", "the other / ours"),
        ],
        rows,
    )


def several() -> Table:
    """Measures an event with several images, relative to one event per image."""
    rows = []
    with serving("yolo-fastest-1.1-xl", DISTANCE) as stage:
        for cores in (1, 2):
            found = []
            for images in (1, _SEVERAL):
                runs = _invocations_with_share(
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
        "Milliseconds per image, including calls to S3, with a latency of "
        f"{DISTANCE * 1000:.0f} ms each way between function and S3; yolo-fastest-1.1-xl, warm.",
        ["cores", "one event per image", "one event", "one / per image"],
        rows,
    )


def prices() -> Table:
    """Measures the price of images, by network and memory."""
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
        "By memory in MB: the time that an image is billed, and dollars for a million images. They "
        "were measured with the share of the cores that Lambda gives for the memory (one core for "
        "1,769 MB), as medians of warm invocations of one image each on the local S3. "
        f"{S3_SECONDS * 1000:.0f} ms were added for the latency of a real S3, which is an "
        "assumption. Lambda x86-64 costs $0.0000166667 per GB-second and $0.20 per million "
        "requests; S3 costs two PUTs at $0.005 and two reads at $0.0004 per thousand: list prices "
        "of us-east-1, to be checked. Memory settings start at "
        f"{_HEADROOM} times the peak. The list price of Rekognition's DetectLabels is $1,000.",
        ["network", "peak, MB", *(f"{memory:,}" for memory in MEMORIES), "cheapest"],
        rows,
    )


def drawings() -> Table:
    """Measures the price of images by what is drawn, in alternating rounds."""
    rounds: dict[str, list[dict[str, Any]]] = {drawing: [] for drawing in DRAWINGS}
    with serving("yolo-fastest-1.1-xl") as stage:
        for _ in range(_ROUNDS):
            for drawing, found in rounds.items():
                found += invocations(
                    stage,
                    OURS,
                    ENGINE="opencv",
                    DRAW=drawing,
                    AWS_LAMBDA_FUNCTION_MEMORY_SIZE=f"{MB_PER_CORE}",
                )
    cpu = {drawing: median(found, lambda row: row["cpu"]) for drawing, found in rounds.items()}
    rows = []
    for drawing in DRAWINGS:
        row = [f"`{drawing}`", f"{cpu[drawing] * 1000:,.0f}"]
        for memory in _DRAWN_AT:
            dollars, plain = (
                price(
                    memory,
                    S3_SECONDS + cpu[each] * MB_PER_CORE / memory,
                    is_drawn=each != NOTHING,
                )
                for each in (drawing, BOXES)
            )
            row.append(f"${dollars:,.2f} ({dollars - plain:+.2f})")
        rows.append(row)
    return Table(
        "Dollars for a million images, by what is drawn",
        "By the setting DRAW, and by memory in MB, for yolo-fastest-1.1-xl and a JPEG of 768 x 576 "
        "pixels in which objects are found; in brackets the difference to `boxes`. Calculated from "
        f"the processor time of a warm invocation (medians of {_ROUNDS * WARM}, alternating) with "
        "the share of a core that the memory buys, and with the prices and the latency of the "
        "table above. The document alone costs one PUT and one HEAD instead of two PUTs, and no "
        "drawing and encoding. Hiding objects costs a second look by the network.",
        ["DRAW", "processor time, ms", *(f"{memory:,} MB" for memory in _DRAWN_AT)],
        rows,
    )


def _billed(stage: Stage, memory: int) -> float:
    """Returns the median seconds of a warm invocation with this memory's share of the cores."""
    threads = math.ceil(memory / MB_PER_CORE)
    return median(
        _invocations_with_share(stage, memory, threads, ENGINE="opencv"),
        lambda row: float(row["total"]),
    )


def _invocations_with_share(
    stage: Stage,
    memory: int,
    threads: int,
    *,
    events: int = _EVENTS,
    images: int = 1,
    **variables: str,
) -> list[dict[str, Any]]:
    """Runs invocations with this memory's share of the cores and this number of threads."""
    variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = f"{threads * MB_PER_CORE}"
    with CpuShare(memory / MB_PER_CORE) as share:
        return invocations(stage, OURS, share=share, events=events, images=images, **variables)
