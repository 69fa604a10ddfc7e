"""Prints the results of `detect` on standard output; start at `Report`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .printing import print_json, printable, stdout_errors

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


class Report:
    """Prints results on standard output: JSON lines, or a table on a terminal, or tab-separated."""

    def __init__(self, *, json_lines: bool) -> None:
        from rich.console import Console

        self.count = 0
        self._json_lines = json_lines
        self._console: Console = Console()
        self._table: Table | None = None
        if not json_lines and self._console.is_terminal:
            self._table = _empty_table()

    def add(self, document: dict[str, Any]) -> None:
        """Adds one image's document."""
        self.count += 1
        if self._json_lines:
            print_json(json.dumps(document, ensure_ascii=False))
        elif self._table is not None:
            self._table.add_row(*_summary(document))
        else:
            with stdout_errors():
                for row in _rows(document):
                    print(*map(printable, row), sep="\t", flush=True)

    def finish(self) -> None:
        """Prints the table, which is complete only now."""
        if self._table is not None and self._table.row_count:
            with stdout_errors():
                self._console.print(self._table)


def _empty_table() -> Table:
    from rich.table import Table

    table = Table("image", "found", "ms")
    table.columns[2].justify = "right"
    return table


def _summary(document: dict[str, Any]) -> tuple[str, str, str]:
    from rich.markup import escape

    found = ", ".join(
        f"{item['label']} {item['confidence']:.0%}" for item in document["detections"]
    )
    milliseconds = sum(document["timings_ms"].values())
    return (
        escape(printable(document["image"]["key"])),
        escape(found) or "nothing",
        f"{milliseconds:.0f}",
    )


def _rows(document: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yields key, label, confidence, x, y, width and height of each detection."""
    for item in document["detections"]:
        box = item["box"]
        sides = (str(box[side]) for side in ("x", "y", "width", "height"))
        yield document["image"]["key"], item["label"], str(item["confidence"]), *sides


def add_output_arguments(
    parser: argparse.ArgumentParser, noun: str, *, crops: bool = False
) -> None:
    """Declares where results go.

    Args:
        parser: the command's.
        noun: what the command calls its inputs.
        crops: whether the command writes crops, too.
    """
    parser.add_argument(
        "--output",
        metavar="DIR",
        help=f"write each annotated {noun} and its JSON document into this folder; only results of "
        f"the same {noun}s are overwritten",
    )
    if crops:
        parser.add_argument(
            "--crops",
            metavar="DIR",
            help="cut each object out and write it into this folder as a JPEG, in a folder a "
            f"class: DIR/dog/photo.jpg_0.jpg; only crops of the same {noun}s are overwritten, and "
            "those of earlier runs are deleted",
        )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help=f"with --output{' or --crops' if crops else ''}: overwrite other files, too; inputs "
        "are never overwritten",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document per line instead of a table"
    )
