"""List the models that `--model NAME` and `models pull NAME` know.

mAP: what the authors publish for COCO at this input size, at an overlap of 0.5, in percent.
ms: measured for one image with OpenCV 5.0 on 2 threads of an x86-64 machine. Models of the family
classifier/features find no objects; they compute features of whole images. Prints a table to a
terminal, and columns with tabs between them to a pipe.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ...models.zoo.catalogue import MODELS, ZooModel
from ..samples import find_copy, own_model

EXAMPLE = "python -m modules models list --json | jq -r 'select(.detects) | .name'"
_COLUMNS = ("name", "family", "input", "MB", "mAP", "ms", "licence", "here")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the action's arguments to `parser`."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document per line instead of a table"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints one line per model, small detectors before large ones."""
    models = [(model, find_copy(model)) for model in (own_model(), *MODELS.values())]
    if arguments.json:
        for model, copy in models:
            print(json.dumps(_document(model, copy), ensure_ascii=False))
    else:
        _print_rows([_row(model, copy) for model, copy in models])
    return 0


def _document(model: ZooModel, copy: Path | None) -> dict[str, object]:
    return {
        "name": model.name,
        "family": model.family,
        "detects": model.detects,
        "input": list(model.input_size),
        "bytes": model.size,
        "map50": model.map50,
        "milliseconds": model.milliseconds,
        "licence": model.licence,
        "path": str(copy) if copy else None,
    }


def _row(model: ZooModel, copy: Path | None) -> tuple[str, ...]:
    return (
        model.name,
        model.family,
        "{} x {}".format(*model.input_size),
        f"{model.size / 1e6:.1f}",
        "-" if model.map50 is None else f"{model.map50:.1f}",
        "-" if model.milliseconds is None else f"{model.milliseconds:g}",
        model.licence,
        str(copy) if copy else "-",
    )


def _print_rows(rows: list[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        for row in rows:
            print(*row, sep="\t")
        return
    table = Table(*_COLUMNS)
    for column in table.columns[3:6]:
        column.justify = "right"
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)
    console.print(
        "mAP: published, COCO, percent at an overlap of 0.5. ms: OpenCV 5.0, 2 threads, x86-64.",
        style="dim",
        highlight=False,
    )
