"""Stores tables and writes the page with all of them; start at `record`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from benchmarks.machine import describe_machine

from .plot import plot
from .stage import CACHE
from .table import Table

_HERE = Path(__file__).parent
_RESULTS = _HERE.parent / "RESULTS.md"


def record(name: str, table: Table, order: Iterable[str]) -> None:
    """Stores a table, then writes the page with all stored tables in this order of names."""
    store = CACHE / "function.json"
    known = json.loads(store.read_text()) if store.exists() else {}
    known[name] = vars(table)
    store.write_text(json.dumps(known))
    parts = [(_HERE / "head.md").read_text().strip(), _machine()]
    parts.append((_HERE / "missed.md").read_text().strip())
    for measure in order:
        if measure in known:
            found = Table(**known[measure])
            lines = [found.header, ["---"] * len(found.header), *found.rows]
            table_text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
            parts.append(f"## {found.title}\n\n{found.text}\n\n{table_text}")
    parts.append((_HERE / "tried.md").read_text().strip())
    _RESULTS.write_text("\n\n".join(parts) + "\n")
    plot({name: Table(**found) for name, found in known.items()})


def _machine() -> str:
    """Describes the machine and the software of the measurements in a sentence."""
    return (
        f"Measured on {describe_machine()}: OpenCV {cv2.__version__}, NumPy {np.__version__}, "
        f"Python {sys.version.split()[0]}."
    )
