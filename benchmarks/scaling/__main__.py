"""Runs the simulation and prints the tables of docs/scaling.md; takes about a minute.

    .venv/bin/python -m benchmarks.scaling [--warm MS] [--cold MS] [--plot docs/images/scaling.png]

Markdown tables go to stdout, progress to stderr.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from .inputs import COLD_MS, WARM_MS, Function
from .load import carry, drain, partitions_for
from .plot import draw
from .tables import tabulate_bursts, tabulate_carried

_CONCURRENCIES = (1, 100, 1_000, 10_000)
_BURSTS = (10_000, 100_000, 1_000_000)


def main() -> int:
    """Prints the tables, and draws the plot if --plot is given."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling",
        description="Simulates how many images the function carries, and how fast bursts drain.",
        epilog="The times are of one image, for one model and memory. The defaults are for "
        "yolo-fastest-1.1-xl at 1,769 MB (one vCPU), measured in part (benchmarks/RESULTS.md) and "
        "estimated in part. Replace them by what you measured on Lambda.",
    )
    parser.add_argument(
        "--warm",
        type=_milliseconds,
        metavar="MS",
        help=f"median time of an image in an existing environment (default: {WARM_MS:g})",
    )
    parser.add_argument(
        "--cold",
        type=_milliseconds,
        metavar="MS",
        help=f"median time that a new environment adds to its first image (default: {COLD_MS:g})",
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FILE",
        help='measured times, as JSON: {"warm_ms": …, "cold_ms": …}; --warm and --cold override it',
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw a plot to this PNG")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers (default: 0)")
    arguments = parser.parse_args()
    try:
        measured = read_times(arguments.results) if arguments.results else {}
    except (OSError, ValueError) as error:
        parser.error(f"{arguments.results}: {error}")
    warm = arguments.warm or measured.get("warm_ms", WARM_MS)
    cold = arguments.cold or measured.get("cold_ms", COLD_MS)
    default = Function()
    function = replace(
        default,
        warm=replace(default.warm, median=warm / 1000),
        cold=replace(default.cold, median=cold / 1000),
    )
    report(function, arguments.seed, arguments.plot)
    return 0


def report(function: Function, seed: int, plot: Path | None) -> None:
    """Runs all simulations, prints the tables, and draws the plot."""
    started = time.monotonic()
    enough = {at: partitions_for(function, at) for at in _CONCURRENCIES}
    cases = sorted({*enough.items(), *((at, 1) for at in _CONCURRENCIES)}, key=lambda c: (c[1], c))
    carried = []
    for concurrency, partitions in cases:
        _report_progress(f"at a steady rate: concurrency {concurrency:,}, partitions {partitions}")
        carried.append(carry(function, concurrency, partitions, seed))
    bursts = []
    for count in _BURSTS:
        for concurrency, partitions in enough.items():
            _report_progress(
                f"a burst of {count:,}: concurrency {concurrency:,}, partitions {partitions}"
            )
            bursts.append(
                (concurrency, partitions, drain(function, concurrency, partitions, count, seed))
            )
    crowded = []
    for concurrency in [at for at, partitions in enough.items() if partitions > 1]:
        _report_progress(f"a burst of {_BURSTS[1]:,}: concurrency {concurrency:,}, one partition")
        crowded.append((concurrency, 1, drain(function, concurrency, 1, _BURSTS[1], seed)))
    print(
        f"An image takes {function.warm.median * 1000:g} ms (median), "
        f"{function.cold.median * 1000:g} ms more in a new environment; seed {seed}.\n"
    )
    print(f"At a steady rate, with all environments started:\n\n{tabulate_carried(carried)}\n")
    print(f"A burst, with no environment at the start:\n\n{tabulate_bursts([*bursts, *crowded])}")
    if plot:
        draw(carried, bursts, plot)
        _report_progress(f"drawn: {plot}")
    _report_progress(f"took {time.monotonic() - started:.0f} s")


def read_times(path: Path) -> dict[str, float]:
    """Reads `warm_ms`, `cold_ms` or both from a JSON file.

    Raises:
        ValueError: neither is there, or a value is out of range.
    """
    document = json.loads(path.read_text())
    names = ("warm_ms", "cold_ms")
    if not isinstance(document, dict) or not any(name in document for name in names):
        raise ValueError("no warm_ms or cold_ms in it")
    return {name: _milliseconds(str(document[name])) for name in names if name in document}


def _milliseconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 900_000:
        raise ValueError(f"{text} ms: must be above 0, and below the 15 minutes of Lambda")
    return value


def _report_progress(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
