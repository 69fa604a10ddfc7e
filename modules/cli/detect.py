"""Find objects in images and folders of this machine."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import PermanentError, UsageError
from ..models.folder import LocalFolder
from ..models.loader import Model, load_model
from ..object_detection.images import SUFFIXES
from ..results.document import Source, describe_result, to_json, too_many_bytes
from ..results.keys import DOCUMENT_SUFFIX
from ..results.pipeline import draw, process
from ..settings import Settings
from ..storage.local_files import write_atomically
from ..telemetry.timings import Timings
from .samples import NAMES, find_model

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


@dataclasses.dataclass(frozen=True)
class _Input:
    """An image, and its path below the output folder."""

    path: Path
    output_name: Path


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
        f"or one of {NAMES}, which is downloaded if it is not here",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="write each annotated image and its JSON document here",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document a line instead of a table"
    )
    parser.add_argument(
        "--confidence",
        metavar="C",
        help=f"drop detections at or under it, 0 to 1 (default {Settings.confidence})",
    )
    parser.add_argument(
        "--nms",
        metavar="N",
        help="drop a box that overlaps a more confident one of its class by more, "
        f"0 to 1 (default {Settings.nms})",
    )
    parser.epilog = "Settings are read from the environment too: CONFIDENCE, NMS, CLASSES, ENGINE, "
    parser.epilog += "RESIZE, MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS. Options go before them."


def run(arguments: argparse.Namespace) -> int:
    """Processes every image; returns 1 if any failed."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    settings = Settings.from_environment(
        os.environ, confidence=arguments.confidence, nms=arguments.nms
    )
    messages = Console(stderr=True)
    inputs, missing = _find_images(arguments.images, arguments.output)
    model = load_model(LocalFolder(find_model(arguments.model)), settings)

    failures = [f"{path}: there is no such file or folder" for path in missing]
    for failure in failures:
        messages.print(failure, style="red", markup=False, highlight=False, soft_wrap=True)
    report = _Report(json_lines=arguments.json)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=messages, transient=True, disable=not messages.is_terminal
    ) as progress:
        for item in progress.track(inputs, description="detecting"):
            try:
                document = _process_file(item, model, settings, arguments.output)
            except (PermanentError, OSError) as error:
                failures.append(str(error))
                messages.print(
                    f"{item.path}: {error}", style="red", markup=False, highlight=False,
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


def _find_images(paths: list[Path], output: Path | None) -> tuple[list[_Input], list[Path]]:
    """Expands folders; returns the images, and the paths at which there is nothing."""
    inputs, missing = [], []
    for path in paths:
        if path.is_dir():
            inputs += [_Input(found, found.relative_to(path)) for found in _walk(path, output)]
        elif path.exists():
            inputs.append(_Input(path, Path(path.name)))
        else:
            missing.append(path)
    if not inputs and not missing:
        raise UsageError(f"no images ({', '.join(SUFFIXES)}) in {', '.join(map(str, paths))}")
    if output:
        _refuse_collisions(inputs)
    return inputs, missing


def _walk(folder: Path, output: Path | None) -> Iterator[Path]:
    """The folder's images in order, less what an earlier run wrote below it."""
    own = output.resolve() if output else None
    for path in sorted(folder.rglob("*")):
        is_own = own is not None and own in path.resolve().parents
        if path.suffix.lower() in SUFFIXES and path.is_file() and not is_own:
            yield path


def _refuse_collisions(inputs: list[_Input]) -> None:
    seen: dict[Path, Path] = {}
    for item in inputs:
        other = seen.setdefault(item.output_name, item.path)
        if other.resolve() != item.path.resolve():
            raise UsageError(
                f"{other} and {item.path} would both be written to {item.output_name}; "
                "name the folder that holds both, or use two outputs"
            )


def _process_file(
    item: _Input, model: Model, settings: Settings, output: Path | None
) -> dict[str, Any]:
    timings = Timings()
    with timings.stage("fetch"):
        size = item.path.stat().st_size
        if size > settings.max_image_bytes:
            raise PermanentError(too_many_bytes(size, settings.max_image_bytes))
        data = item.path.read_bytes()
    result = process(data, model, settings, timings)
    target = output / item.output_name if output else None
    if target:
        annotated = draw(result, model, timings)
        with timings.stage("publish"):
            _write(target, annotated)
    source = Source(str(item.path))
    document = describe_result(source, len(data), result, model, settings, timings)
    if target:
        _write(target.with_name(target.name + DOCUMENT_SUFFIX), to_json(document))
    return document


def _write(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path) as file:
        file.write(data)


class _Report:
    """Results on standard output: JSON lines, a table for a person, or tabs for a pipe."""

    def __init__(self, *, json_lines: bool) -> None:
        from rich.console import Console

        self.count = 0
        self._json_lines = json_lines
        self._console: Console = Console()
        self._table: Table | None = None
        if not json_lines and self._console.is_terminal:
            self._table = _empty_table()

    def add(self, document: dict[str, Any]) -> None:
        """Takes one image's document."""
        self.count += 1
        if self._json_lines:
            print(json.dumps(document, ensure_ascii=False), flush=True)
        elif self._table is not None:
            self._table.add_row(*_summary(document))
        else:
            for row in _rows(document):
                print(*row, sep="\t", flush=True)

    def finish(self) -> None:
        """Prints what was kept back."""
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
    for item in document["detections"]:
        box = item["box"]
        sides = (str(box[side]) for side in ("x", "y", "width", "height"))
        yield document["image"]["key"], item["label"], str(item["confidence"]), *sides
