"""Counts the outcomes of many images while S3 fails, for several shares of broken requests.

    make faults
    .venv/bin/python benchmarks/faults.py [--images N] [--workers N] [--shares SHARE ...] [--draw D]

The handler runs in separate processes under Lambda's runtime client. A proxy between the handler
and a local S3 breaks requests; see tests/faults/. The table is printed and written to
benchmarks/faults.md, which has the default of --draw.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

sys.path.insert(0, str(Path(__file__).parent.parent))

from modules.cli.local_aws.bucket import LocalBucket
from modules.settings import DRAWINGS
from tests.colour_model import write_colour_model
from tests.faults.faults import Fault, Faults
from tests.faults.pictures import plan
from tests.faults.proxy import FaultyProxy
from tests.faults.storm import Storm, Tally

_TABLE = Path(__file__).with_suffix(".md")


def main() -> int:
    """Returns 1 if an image was lost, or a result is wrong, with any share of faults."""
    parser = argparse.ArgumentParser(description="images while S3 fails")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument(
        "--workers", type=int, default=8, help="the number of concurrent invocations"
    )
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.1, 0.3])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--draw", choices=DRAWINGS, default=DRAWINGS[0], help="the setting DRAW")
    arguments = parser.parse_args()
    messages = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn())
    tallies = {}
    with Progress(*columns, console=messages, disable=not messages.is_terminal) as progress:
        for share in arguments.shares:
            tallies[share] = _run_storm(share, arguments, progress)
    table = _describe(tallies, arguments.images)
    Console().print(Markdown(table))
    if arguments.draw == DRAWINGS[0]:
        _TABLE.write_text(table)
    lost = [
        key
        for tally in tallies.values()
        for key in (*tally.missing, *tally.wrong, *tally.published_twice, *tally.unrepaired)
    ]
    for key in lost:
        messages.print(f"{key}: lost, wrong or published twice", style="red")
    return 1 if lost else 0


def _run_storm(share: float, arguments: argparse.Namespace, progress: Progress) -> Tally:
    """Runs the images with one share of faults, in a new bucket."""
    drops = plan(arguments.images, arguments.seed)
    task = progress.add_task(f"{share:.0%} faults", total=len(drops))
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalBucket("input/") as bucket,
        FaultyProxy(bucket.endpoint, Faults(share, arguments.seed)) as proxy,
        Storm(
            bucket,
            proxy,
            write_colour_model(Path(folder) / "colours"),
            workers=arguments.workers,
            draw=arguments.draw,
        ) as storm,
    ):
        return storm.run(drops, arguments.seed, lambda: progress.advance(task))


_ROWS: list[tuple[str, Callable[[Tally], object]]] = [
    ("result published", lambda tally: len(tally.results)),
    ("failure recorded", lambda tally: len(tally.failures)),
    ("dead letter", lambda tally: len(tally.dead_letters)),
    ("missing", lambda tally: len(tally.missing)),
    ("wrong", lambda tally: len(tally.wrong)),
    ("published twice", lambda tally: len(tally.published_twice)),
    ("missing or wrong after a redrive", lambda tally: len(tally.unrepaired)),
    ("events", lambda tally: sum(tally.tries.values())),
    ("of which retried by Lambda", lambda tally: _retried(tally)),
    ("cold starts", lambda tally: tally.cold_starts),
    ("duration of an invocation, median", lambda tally: _milliseconds(tally, 0.5)),
    ("duration, 99th percentile", lambda tally: _milliseconds(tally, 0.99)),
    ("requests to S3", lambda tally: tally.requests),
    ("of which broken", lambda tally: sum(tally.injected.values())),
    *((fault.value, lambda tally, fault=fault: tally.injected.get(fault, 0)) for fault in Fault),
]


def _describe(tallies: dict[float, Tally], images: int) -> str:
    """Returns the table in Markdown, with a column for each share."""
    heads = [f"{share:.0%} faults" for share in tallies]
    lines = [f"| {images:,} images | {' | '.join(heads)} |", "|---|" + "--:|" * len(tallies)]
    for name, count in _ROWS:
        cells = [count(tally) for tally in tallies.values()]
        texts = [f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells]
        lines.append(f"| {name} | {' | '.join(texts)} |")
    return "\n".join(lines) + "\n"


def _retried(tally: Tally) -> str:
    events = sum(tally.tries.values())
    retried = events - tally.tries.get(1, 0)
    return f"{retried} ({retried / events:.1%})"


def _milliseconds(tally: Tally, share: float) -> str:
    return f"{statistics.quantiles(tally.durations, n=100)[round(share * 100) - 1]:,.0f} ms"


if __name__ == "__main__":
    sys.exit(main())
