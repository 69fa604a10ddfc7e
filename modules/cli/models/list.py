"""List the models that `--model NAME` and `models pull NAME` know.

Those that a user should take come first, and those under a licence that binds the programs that
use them last. M: millions of parameters. GFLOPs: two operations for each product. mAP, mAP50: what
the authors publish for COCO at this input size, averaged over overlaps of 0.5 to 0.95 and at 0.5,
in percent. ms, ms ORT: for one image with OpenCV 5.0 and with ONNX Runtime, on 2 threads of an
x86-64 machine; r means with random weights, which take as long. Models without a size are not
downloaded but exported (docs/models.md). Models of the family classifier/features find no objects;
they compute features of whole images. Prints a table to a terminal, and columns with tabs between
them to a pipe.
"""

from __future__ import annotations

import argparse
import json
from itertools import chain
from pathlib import Path
from typing import Literal

from ...models.zoo.catalogue import MODELS
from ...models.zoo.model import ZooModel
from ..samples import find_copy, own_model

EXAMPLE = "python -m modules models list --json | jq -r 'select(.detects) | .name'"
_COLUMNS = (
    *("name", "family", "input", "MB", "M", "GFLOPs", "mAP", "mAP50", "ms", "ms ORT"),
    *("licence", "here"),
)
_LEFT_OUT_IF_NARROW = ("family", "M", "GFLOPs")
_WIDE = 130  # columns of the terminal
_NOTE = """\
M: million parameters. mAP: published, COCO, percent; mAP50: at an overlap of 0.5.
ms: OpenCV 5.0, 2 threads, x86-64; ms ORT: ONNX Runtime 1.31. r: timed with random weights.
Without a size in MB: to be exported, see docs/models.md."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the action's arguments to `parser`."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document per line instead of a table"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints one line per model, those that a user should take first."""
    free = [*(model for model in MODELS.values() if not model.terms), own_model()]
    binding = [model for model in MODELS.values() if model.terms]
    if arguments.json:
        for model in (*free, *binding):
            print(json.dumps(_document(model, find_copy(model)), ensure_ascii=False))
    else:
        _print_sections(
            [[_row(model, find_copy(model)) for model in each] for each in (free, binding)]
        )
    return 0


def _document(model: ZooModel, copy: Path | None) -> dict[str, object]:
    return {
        "name": model.name,
        "family": model.family,
        "detects": model.detects,
        "input": list(model.input_size),
        "bytes": model.size or None,
        "parameters": model.parameters,
        "gflops": model.gflops,
        "map50_95": model.map50_95,
        "map50": model.map50,
        "milliseconds": model.milliseconds,
        "milliseconds_onnxruntime": model.milliseconds_onnxruntime,
        "timed_with_random_weights": model.is_timed_with_random_weights,
        "licence": model.licence,
        "path": str(copy) if copy else None,
    }


def _row(model: ZooModel, copy: Path | None) -> tuple[str, ...]:
    random = "r" if model.is_timed_with_random_weights else ""
    return (
        model.name,
        model.family,
        "{} x {}".format(*model.input_size),
        f"{model.size / 1e6:.1f}" if model.size else "-",
        _number(model.parameters),
        _number(model.gflops),
        "-" if model.map50_95 is None else f"{model.map50_95:.1f}",
        "-" if model.map50 is None else f"{model.map50:.1f}",
        _number(model.milliseconds, random),
        _number(model.milliseconds_onnxruntime, random),
        model.licence,
        str(copy) if copy else "-",
    )


def _number(value: float | None, suffix: str = "") -> str:
    return "-" if value is None else f"{value:g}{suffix}"


def _print_sections(sections: list[list[tuple[str, ...]]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        for row in chain.from_iterable(sections):
            print(*row, sep="\t")
        return
    is_wide = console.width >= _WIDE
    shown = [name for name in _COLUMNS if is_wide or name not in _LEFT_OUT_IF_NARROW]
    table = Table(padding=(0, 1) if is_wide else 0)
    for name in shown:
        is_text = name in ("family", "licence", "here")
        justify: Literal["left", "right"] = "left" if is_text or name == "name" else "right"
        table.add_column(name, justify=justify, no_wrap=not is_text)
    for section in sections:
        for row in section:
            cells = zip(_COLUMNS, row, strict=True)
            table.add_row(*(escape(cell) for name, cell in cells if name in shown))
        table.add_section()
    console.print(table)
    console.print(_NOTE, style="dim", highlight=False)
