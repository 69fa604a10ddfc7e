"""Find objects in local images, and in folders of them."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import PermanentError, UsageError
from ..models.folder import LocalFolder
from ..models.loader import Model, load_model
from ..results.document import Source, describe_result, to_json, too_many_bytes
from ..results.keys import DOCUMENT_SUFFIX
from ..results.pipeline import draw, process
from ..settings import Settings
from ..storage.local_files import write_atomically
from ..telemetry.timings import Timings
from .local_images import LocalImage, find_images
from .samples import NAMES, find_model

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "images", nargs="+", type=Path, metavar="IMAGE", help="an image, or a folder of them"
    )
    parser.add_argument(
        "--model",
        required=True,
        metavar="DIR",
        help="a folder with one *.cfg, one *.weights and one *.names; "
        f"or one of {NAMES}, which is downloaded if it is missing",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="write each annotated image and its JSON document into this folder",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document per line instead of a table"
    )
    parser.add_argument(
        "--confidence",
        metavar="C",
        help="drop detections with this confidence or less, 0 to 1 "
        f"(default {Settings.confidence})",
    )
    parser.add_argument(
        "--nms",
        metavar="N",
        help="drop a box that overlaps a more confident box of the same class by more than this, "
        f"0 to 1 (default {Settings.nms})",
    )
    parser.epilog = (
        "These environment variables are read, too: CONFIDENCE, NMS, CLASSES, ENGINE, RESIZE, "
        "MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS. Options take precedence over them."
    )


def run(arguments: argparse.Namespace) -> int:
    """Processes every image; returns 1 if any failed."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    settings = Settings.from_environment(
        os.environ, confidence=arguments.confidence, nms=arguments.nms
    )
    messages = Console(stderr=True)
    images, missing = find_images(arguments.images, exclude=arguments.output)
    if arguments.output:
        _refuse_collisions(images)
    model = load_model(LocalFolder(find_model(arguments.model)), settings)

    failures = [f"{path}: there is no such file or folder" for path in missing]
    for failure in failures:
        messages.print(failure, style="red", markup=False, highlight=False, soft_wrap=True)
    report = _Report(json_lines=arguments.json)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=messages, transient=True, disable=not messages.is_terminal
    ) as progress:
        for image in progress.track(images, description="detecting"):
            try:
                document = _process_file(image, model, settings, arguments.output)
            except (PermanentError, OSError) as error:
                failures.append(str(error))
                messages.print(
                    f"{image.path}: {error}", style="red", markup=False, highlight=False,
                    soft_wrap=True,
                )  # fmt: skip
            else:
                report.add(document)
    report.finish()
    if arguments.output and report.count:
        messages.print(
            f"{report.count} annotated in {arguments.output}", highlight=False, soft_wrap=True
        )
    return 1 if failures else 0


def _refuse_collisions(images: list[LocalImage]) -> None:
    """Raises UsageError if two different images would be written to the same file."""
    seen: dict[Path, Path] = {}
    for image in images:
        other = seen.setdefault(image.name, image.path)
        if other.resolve() != image.path.resolve():
            raise UsageError(
                f"{other} and {image.path} would both be written to {image.name}; "
                "name the folder that holds both, or use two outputs"
            )


def _process_file(
    image: LocalImage, model: Model, settings: Settings, output: Path | None
) -> dict[str, Any]:
    """Detects in one image, writes the outputs if asked to, and returns the document."""
    timings = Timings()
    with timings.stage("fetch"):
        size = image.path.stat().st_size
        if size > settings.max_image_bytes:
            raise PermanentError(too_many_bytes(size, settings.max_image_bytes))
        data = image.path.read_bytes()
    result = process(data, model, settings, timings)
    target = output / image.name if output else None
    if target:
        annotated = draw(result, model, timings)
        with timings.stage("publish"):
            _write(target, annotated)
    source = Source(str(image.path))
    document = describe_result(source, len(data), result, model, settings, timings)
    if target:
        _write(target.with_name(target.name + DOCUMENT_SUFFIX), to_json(document))
    return document


def _write(path: Path, data: bytes) -> None:
    """Writes a file atomically, and creates its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path) as file:
        file.write(data)


class _Report:
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
            print(json.dumps(document, ensure_ascii=False), flush=True)
        elif self._table is not None:
            self._table.add_row(*_summary(document))
        else:
            for row in _rows(document):
                print(*row, sep="\t", flush=True)

    def finish(self) -> None:
        """Prints the table, which is complete only now."""
        if self._table is not None and self._table.row_count:
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
    return escape(document["image"]["key"]), escape(found) or "nothing", f"{milliseconds:.0f}"


def _rows(document: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yields key, label, confidence, x, y, width and height of each detection."""
    for item in document["detections"]:
        box = item["box"]
        sides = (str(box[side]) for side in ("x", "y", "width", "height"))
        yield document["image"]["key"], item["label"], str(item["confidence"]), *sides
