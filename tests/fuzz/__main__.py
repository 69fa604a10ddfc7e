"""Fuzzes targets: `python -m tests.fuzz [--count N] [--seed S] [TARGET...]`, or `make fuzz`."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from tests.fuzz.runner import ROOT, Summary, fuzz
from tests.fuzz.targets import TARGETS

_IMAGES = ("image", "heif", "avif", "jpeg2000", "gif", "netpbm")
_COUNTS = dict.fromkeys(_IMAGES, 20_000)
_DEFAULT_COUNT = 5_000


def main() -> int:
    """Shows a progress bar per target, then a table; returns 1 if a bug was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help=f"one of {', '.join(TARGETS)}; all of them by default",
    )
    parser.add_argument("--count", type=int, help="inputs per target")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other inputs")
    arguments = parser.parse_args()
    if unknown := set(arguments.targets) - set(TARGETS):
        parser.error(f"unknown target {', '.join(unknown)}; the targets are {', '.join(TARGETS)}")
    summaries = []
    console = Console(stderr=True)
    columns = *Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        for name in arguments.targets or TARGETS:
            count = arguments.count or _COUNTS.get(name, _DEFAULT_COUNT)
            bar = progress.add_task(name, total=count)
            summary = fuzz(
                name,
                count,
                seed=arguments.seed,
                progress=lambda bar=bar: progress.advance(bar),  # type: ignore[misc]
            )
            summaries.append(summary)
    Console().print(_table(summaries))
    for summary in summaries:
        for finding in summary.findings:
            print(f"{finding.name}, seed {finding.seed}, case {finding.index}: {finding.what}")
            print(f"  {finding.path.relative_to(ROOT)}")
    return int(any(summary.findings for summary in summaries))


def _table(summaries: list[Summary]) -> Table:
    table = Table("target", "inputs", "results", "refused", "bugs", "per second", "slowest")
    for summary in summaries:
        count = summary.outcomes.total()
        cells = [count, *(summary.outcomes[name] for name in ("result", "refused", "bug"))]
        rate = f"{count / summary.seconds:,.0f}"
        table.add_row(summary.name, *map("{:,}".format, cells), rate, f"{summary.slowest:.2f} s")
    return table


if __name__ == "__main__":
    sys.exit(main())
