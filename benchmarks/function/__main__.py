"""Runs measurements and writes benchmarks/RESULTS.md.

    make bench
    .venv/bin/python -m benchmarks.function [--only NAME ...]

Each measurement is a table of the page. The page is written with the new tables, and with the
earlier ones of measurements that did not run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from .cold import cold
from .cpu_share import CpuShareError
from .deployed import DeployedError
from .engines import engines, parse
from .imports import imports
from .report import record
from .shares import drawings, prices, several, threads
from .stage import CACHE, SHARED
from .table import Table
from .warm import calls, large_jpeg, warm

_MEASURES: dict[str, Callable[[], Table]] = {
    "warm": warm,
    "calls": calls,
    "several": several,
    "large-jpeg": large_jpeg,
    "cold": cold,
    "imports": imports,
    "engines": engines,
    "parse": parse,
    "threads": threads,
    "prices": prices,
    "drawings": drawings,
}


def main() -> int:
    """Runs the measurements; returns 1 if one could not run."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.function", description="measure the function"
    )
    parser.add_argument("--only", nargs="+", choices=_MEASURES, default=list(_MEASURES))
    arguments = parser.parse_args()
    for part in (SHARED / "models", SHARED / "cfg"):
        if not part.is_dir():
            parser.error(
                f"{part} does not exist; SHARED_DATA must name a folder with cfg/ and models/"
            )
    CACHE.mkdir(parents=True, exist_ok=True)
    status = 0
    for name in arguments.only:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            table = _MEASURES[name]()
        except (CpuShareError, DeployedError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            status = 1
            continue
        record(name, table, _MEASURES)
        print("\n".join(" | ".join(row) for row in [table.header, *table.rows]), flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
