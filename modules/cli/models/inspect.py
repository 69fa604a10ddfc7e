"""Print what a model folder contains, what resources it needs, and what is wrong with it.

GFLOPs count two operations for each product of convolutions and matrix products, for one image.
Memory and times are measured on this machine, in a subprocess, with the engine that ENGINE names
(default: auto).
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from typing import Any

from ...settings import Settings
from ..samples import find_model
from .facts import HeadFacts, Inspection, NetworkFacts
from .footprint import Footprint
from .inspection import inspect

EXAMPLE = "python -m modules models inspect yolox-nano"
_LABELS_SHOWN = 8

_Rows = list[tuple[str, str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the action's arguments to `parser`."""
    parser.add_argument(
        "model", metavar="DIR", help="a model folder, or the name of a model in the zoo"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Prints all facts about the model; returns 1 if the model cannot be used."""
    settings = Settings.from_environment({"ENGINE": os.environ.get("ENGINE", "")})
    found = inspect(find_model(arguments.model), settings.engine)
    if arguments.json:
        print(json.dumps(_document(found), ensure_ascii=False))
    else:
        _print(found)
    return 0 if found.footprint else 1


def _document(found: Inspection) -> dict[str, Any]:
    document = asdict(found)
    network = document["network"]
    if network:
        adds = network.pop("multiply_adds")
        network["gflops"] = None if adds is None else 2 * adds / 1e9
    return document


def _print(found: Inspection) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    rows: _Rows = [("model", found.name), ("folder", found.path)]
    rows.append(("size on disk", f"{found.bytes:,} bytes"))
    if found.digest:
        rows.append(("digest", found.digest))
    if found.network:
        rows += _network_rows(found.network)
    if found.labels:
        rows.append(("classes", _shown_labels(found.labels)))
    if found.footprint:
        rows += _footprint_rows(found.footprint)
    rows += [("note", note) for note in (found.network.notes if found.network else ())]
    rows += [("problem", problem) for problem in found.problems] or [("problems", "none")]
    console = Console()
    if not console.is_terminal:
        for row in rows:
            print(*row, sep="\t")
        return
    grid = Table.grid(padding=(0, 2))
    for name, value in rows:
        grid.add_row(f"[bold]{name}", escape(value), style="red" if name == "problem" else None)
    console.print(grid, highlight=False)


def _network_rows(network: NetworkFacts) -> _Rows:
    adds = network.multiply_adds
    width, height = network.input_size
    rows = [
        ("format", f"{network.format}, {network.family}"),
        ("layers", str(network.layers)),
        ("parameters", f"{network.parameters:,}"),
        (
            "GFLOPs",
            "unknown: the network computes weights" if adds is None else f"{2 * adds / 1e9:.4g}",
        ),
        ("input", f"{width} x {height}"),
        *(("head", _shown_head(head)) for head in network.heads),
    ]
    if preprocessing := network.preprocessing:
        steps = f"{preprocessing.resize}, {preprocessing.channels}, times {preprocessing.scale:.6g}"
        if preprocessing.normalises:
            mean, std = _shown(preprocessing.mean), _shown(preprocessing.std)
            steps += f", minus {mean}, divided by {std}"
        rows.append(("images are", steps))
    return rows


def _shown(channels: tuple[float, float, float]) -> str:
    return "[" + ", ".join(f"{value:g}" for value in channels) + "]"


def _shown_head(head: HeadFacts) -> str:
    text = f"{head.kind}, {head.output} {list(head.shape)}"
    if head.stride:
        text += f", stride {head.stride}"
    if head.anchors:
        anchors = ", ".join(f"{width:g}x{height:g}" for width, height in head.anchors)
        text += f", anchors {anchors}"
    if head.evidence:
        text += f", by {head.evidence}"
    return text


def _shown_labels(labels: tuple[str, ...]) -> str:
    more = ", ..." if len(labels) > _LABELS_SHOWN else ""
    return f"{len(labels)}: {', '.join(labels[:_LABELS_SHOWN])}{more}"


def _footprint_rows(footprint: Footprint) -> _Rows:
    peak, bare = footprint.peak_bytes / 1e6, footprint.bare_bytes / 1e6
    return [
        ("memory", f"{peak:.0f} MB at most, measured; {bare:.0f} MB of it before the model"),
        ("to load", f"{footprint.load_ms:.0f} ms, measured with {footprint.engine}"),
        ("an image", f"{footprint.image_ms:.1f} ms; the first {footprint.first_ms:.1f} ms"),
    ]
