"""Measures cold starts of the deployed package: their time, processor time and memory."""

from __future__ import annotations

from .deployed import deployed_sides
from .stage import DISTANCE, serving
from .start import Start, cold_start, median_start
from .table import Table

_COLD = 15  # starts of each function
_COLD_LARGE = 5


def cold() -> Table:
    """Measures whole starts, their processor time and their peak memory.

    Raises:
        DeployedError: the deployed package cannot be made here.
    """
    deployed = deployed_sides("yolo-fastest-1.1-xl")
    rows = []
    for network, distance, count in (
        ("yolo-fastest-1.1-xl", 0, _COLD),
        ("yolo-fastest-1.1-xl", DISTANCE, _COLD),
        ("yolov3", 0, _COLD_LARGE),
    ):
        sides = [deployed.naive, deployed.ours]
        if network == "yolo-fastest-1.1-xl":
            sides.append(deployed.bundled)
        with serving(network, distance) as stage:
            starts: dict[str, list[Start]] = {side.name: [] for side in sides}
            for _ in range(count):
                for side in sides:
                    starts[side.name].append(cold_start(stage, side))
        medians = {name: median_start(found) for name, found in starts.items()}
        place = f"{distance * 1000:.0f} ms" if distance else "here"
        rows += [
            [network, place, name, *_cells(start, medians["naive"])]
            for name, start in medians.items()
        ]
    return Table(
        "Cold start of the deployed package",
        "From the start of Lambda's runtime client to its answer to one image, in milliseconds: "
        f"medians of {_COLD} starts ({_COLD_LARGE} of yolov3), which alternated. Ours is the "
        f"package that the Serverless Framework makes, with the {deployed.layer} layer; both "
        "functions run on Python 3.13 with bytecode. S3 is a local process (here), or has the "
        "given latency each way. Bundled: the model comes with the package. Ready: until the "
        "process requests its first event. CPU: processor time of all threads. MB: the most "
        "memory. Bars: total at most 0.70 of naive's, 0.50 with S3 5 ms away, 0.25 for yolov3; "
        "for yolov3 0.4 of naive's memory, and under 700 MB.",
        [
            *("network", "S3", "function", "ready", "total", "of naive", "CPU", "of naive's"),
            *("MB", "of naive's"),
        ],
        rows,
    )


def _cells(start: Start, naive: Start) -> list[str]:
    def share(value: float, of: float) -> str:
        return "1" if start is naive else f"**{value / of:.2f}**"

    return [
        f"{start.ready * 1000:,.0f}",
        f"{start.seconds * 1000:,.0f}",
        share(start.seconds, naive.seconds),
        f"{start.cpu * 1000:,.0f}",
        share(start.cpu, naive.cpu),
        f"{start.peak / 1e6:,.0f}",
        share(start.peak, naive.peak),
    ]
