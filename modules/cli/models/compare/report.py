"""Prints how two models differ; start at `describe` and `print_tables`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....models.loader import Model
from ....object_detection.detections import Detections
from ....results.document import describe_detections
from ...printing import printable, stdout_errors, utf8
from .accuracy import Accuracy
from .comparison import Compared, Comparison
from .differences import MATCH_IOU, MOVED_IOU, ClassCounts
from .sheet import describe as describe_differences

if TYPE_CHECKING:
    from ...local_images import LocalImage

_COUNTS = ("a", "b", "same", "moved", "only_a", "only_b")
_Document = dict[str, Any]
_Row = tuple[str, ...]
_Table = tuple[_Row, list[_Row]]


def describe(comparison: Comparison, failures: Sequence[str], sheet: Path | None) -> _Document:
    """Returns the JSON document of a comparison.

    Args:
        comparison: which has run.
        failures: a message for each picture that could not be read.
        sheet: the file that was written, if any.
    """
    counts, accuracy = comparison.counts(), comparison.accuracy()
    times = comparison.milliseconds() or (None, None)
    total = ClassCounts()
    for each in counts.values():
        total = total.plus(each)
    average = _average_precisions(comparison, accuracy)
    labels = dict.fromkeys([*counts, *average])
    classes = [
        {"label": label, **_counts(counts.get(label, ClassCounts())), **average.get(label, {})}
        for label in sorted(labels, key=comparison.names.all.index)
    ]
    return {
        "a": _describe_model(comparison.a, times[0], accuracy[0] if accuracy else None),
        "b": _describe_model(comparison.b, times[1], accuracy[1] if accuracy else None),
        "settings": {
            **comparison.settings.described(),
            "match_iou": MATCH_IOU,
            "moved_iou": MOVED_IOU,
        },
        "pictures": len(comparison.pictures),
        "failures": list(failures),
        "total": _counts(total),
        "classes": classes,
        "differing": [_describe_picture(comparison, item) for item in comparison.differing()],
        "sheet": utf8(str(sheet)) if sheet else None,
    }


def print_tables(document: Mapping[str, Any], most: int) -> None:
    """Prints the document of `describe` for a person: as tables, or tab-separated on a pipe.

    most: how many of the pictures that differ are listed.
    """
    from rich.console import Console

    console = Console()
    for title, header, rows in (
        ("models", *_model_table(document)),
        ("objects", *_class_table(document)),
        ("pictures that differ most", *_picture_table(document, most)),
    ):
        if not rows:
            continue
        with stdout_errors():
            if console.is_terminal:
                console.print(_rich_table(title, header, rows))
            else:
                for row in (header, *rows):
                    print(*map(printable, row), sep="\t", flush=True)
                print(flush=True)


def remarks(comparison: Comparison) -> Iterator[str]:
    """Yields what a reader of the figures should know."""
    a, b = comparison.a, comparison.b
    if a.digest == b.digest:
        yield f"A and B are the same model, {a.digest}"
    for name, one, other in (("A", a, b), ("B", b, a)):
        own = [label for label in dict.fromkeys(one.labels) if label not in other.labels]
        if own:
            yield f"classes that only {name} has: {_listed(own)}"
    truth = comparison.truth
    if truth is None:
        return
    yield f"labels: {len(truth.labels.names)} classes, named by {truth.labels.source}"
    if truth.missing:
        yield (
            f"{len(truth.missing):,} pictures have no file of labels, such as "
            f"{truth.missing[0].label}: they count as pictures without objects"
        )
    unknown = comparison.unknown_objects()
    if unknown:
        yield (
            f"{sum(unknown.values()):,} labelled objects are left out, as neither model has their "
            f"class: {_listed(list(unknown))}"
        )


class Messages:
    """Prints failures, remarks and the progress on standard error."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)

    def track(self, images: Sequence[LocalImage]) -> Iterator[LocalImage]:
        """Yields the images, and shows a progress bar on a terminal."""
        from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

        columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(
            *columns,
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        ) as progress:
            yield from progress.track(images, description="comparing")

    def failures(self, texts: Iterable[str]) -> None:
        """Prints a line for each picture that cannot be compared."""
        for text in texts:
            self._print(text, style="red")

    def remarks(self, texts: Iterable[str]) -> None:
        """Prints a line for each remark."""
        for text in texts:
            self._print(text)

    def _print(self, text: str, style: str | None = None) -> None:
        self._console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _describe_model(model: Model, times: float | None, accuracy: Accuracy | None) -> _Document:
    described = {
        "model": model.name,
        "digest": model.digest,
        "engine": model.engine,
        "input": list(model.detector.input_size),
        "milliseconds": None if times is None else round(times, 1),
    }
    if accuracy:
        described |= {"map50": _number(accuracy.map50), "map50_95": _number(accuracy.map50_95)}
    return described


def _average_precisions(
    comparison: Comparison, accuracy: tuple[Accuracy, Accuracy] | None
) -> dict[str, dict[str, float | None]]:
    """Returns AP@0.5 of both models for each class in the labels; None where a model lacks it."""
    if accuracy is None:
        return {}
    models = comparison.a, comparison.b
    names = comparison.names.all
    return {
        label: {
            name: _number(each.by_class[number]) if label in model.labels else None
            for name, each, model in zip(("ap50_a", "ap50_b"), accuracy, models, strict=True)
        }
        for number, label in enumerate(names)
        if not math.isnan(accuracy[0].by_class[number])
    }


def _describe_picture(comparison: Comparison, picture: Compared) -> _Document:
    found, names = picture.found, comparison.names.all

    def listed(side: Detections) -> list[_Document]:
        described = describe_detections(side, names)
        for item in described:
            del item["class_id"]  # the models number their classes differently
        return described

    a, b = listed(found.a), listed(found.b)
    return {
        "image": picture.image.key,
        "difference": round(found.size, 4),
        "summary": describe_differences(found, names),
        "only_a": [a[index] for index in found.only_a],
        "only_b": [b[index] for index in found.only_b],
        "moved": [
            {"iou": round(pair.iou, 4), "a": a[pair.a], "b": b[pair.b]} for pair in found.moved
        ],
    }


def _model_table(document: Mapping[str, Any]) -> _Table:
    measured = "map50" in document["a"]
    header: _Row = ("model", "name", "engine", "ms", "objects")
    header += ("mAP@0.5", "mAP@0.5:0.95") if measured else ()
    rows: list[_Row] = []
    for side in ("a", "b"):
        model = document[side]
        took = model["milliseconds"]
        row: _Row = (
            *(side.upper(), model["model"], model["engine"]),
            *("" if took is None else f"{took:.1f}", str(document["total"][side])),
        )
        row += (_shown(model["map50"]), _shown(model["map50_95"])) if measured else ()
        rows.append(row)
    return header, rows


def _class_table(document: Mapping[str, Any]) -> _Table:
    measured = "map50" in document["a"]
    header: _Row = ("class", "A", "B", "same", "moved", "only A", "only B")
    header += ("AP@0.5 A", "AP@0.5 B") if measured else ()
    rows: list[_Row] = []
    for item in (*document["classes"], {"label": "all classes", **document["total"]}):
        row: _Row = (item["label"], *(str(item[name]) for name in _COUNTS))
        if measured:
            precisions = (item.get("ap50_a"), item.get("ap50_b"))
            if item["label"] == "all classes" and "ap50_a" not in item:
                precisions = (document["a"]["map50"], document["b"]["map50"])
            row += tuple(map(_shown, precisions))
        rows.append(row)
    return header, rows


def _picture_table(document: Mapping[str, Any], most: int) -> _Table:
    rows: list[_Row] = [
        (item["image"], f"{item['difference']:.2f}", item["summary"])
        for item in document["differing"][:most]
    ]
    return ("picture", "difference", "what differs"), rows


def _rich_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(*header, title=title, title_justify="left")
    numeric = len(header) > 3  # only the pictures have texts after the first column
    for column in table.columns[1:] if numeric else table.columns[1:2]:
        column.justify = "right"
    for row in rows:
        table.add_row(*(escape(printable(cell)) for cell in row))
    return table


def _counts(counts: ClassCounts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in _COUNTS}


def _number(value: float) -> float | None:
    """Rounds a score; None where there is nothing to score, which COCO's tools give as -1."""
    return None if math.isnan(value) or value < 0 else round(value, 4)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _listed(labels: Sequence[str], most: int = 10) -> str:
    more = len(labels) - most
    return printable(", ".join(labels[:most]) + (f" and {more:,} more" if more > 0 else ""))
