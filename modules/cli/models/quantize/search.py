"""Quantises a network in one way after another until one is worth having; start at `search`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....errors import ModelError
from ....models.folder import LocalFolder
from ....models.loader import load_model
from ....object_detection.engines.registry import FALLBACK
from ....object_detection.images import decode_image
from ....settings import Settings
from .calibration import METHODS, Method, quantise
from .graph import float_layers, prepare
from .source import Source
from .trial import Judge, Score, Times, interleaved, lost, slower

if TYPE_CHECKING:
    from ...local_images import LocalImage
    from ..compare.truth import Truth

_Track = Callable[[Iterable[Any], str], Iterable[Any]]


@dataclass(frozen=True)
class Found:
    """The last network that was tried.

    reasons: why it is not worth having; empty if it is. method: how its ranges were taken.
    before, after: the scores of the network in float and of this one. against_labels: whether they
    are against labels. ranges, measured: numbers of pictures. bytes: of the network's file.
    layers: convolutions in integers, and all of them.
    """

    reasons: tuple[str, ...]
    method: Method
    before: Score
    after: Score
    against_labels: bool
    times: Times
    ranges: int
    measured: int
    bytes: int
    layers: tuple[int, int]


def search(
    source: Source,
    folder: Path,
    for_ranges: Sequence[LocalImage],
    measured: Sequence[LocalImage],
    *,
    truth: Truth | None,
    allow_slower: bool,
) -> Found:
    """Writes the quantised network into a folder, and measures it.

    Args:
        source: the network in float.
        folder: gets the file of the network, and the other files that it needs to load.
        for_ranges: the pictures that give the ranges of the values between layers.
        measured: the pictures on which both networks are scored.
        truth: labels of these; None scores against the network in float.
        allow_slower: whether a network that is not faster is worth having.

    Raises:
        ModelError: the network cannot be quantised, or does not load afterwards.
        ImageError: a picture cannot be read.
        UsageError: see `Judge.score`.
    """
    import onnx

    settings = Settings()
    pixels = (
        decode_image(each.read(), max_pixels=settings.max_image_pixels) for each in for_ranges
    )
    feeds = [source.feed(each.pixels) for each in pixels]
    judge = Judge(measured, settings, truth, source.model.labels)
    entries = list(source.network.metadata_props)
    source.copy_others(folder)
    with _progress() as track, tempfile.TemporaryDirectory() as scratch:
        prepared = Path(scratch, "prepared.onnx")
        prepare(source.network, prepared, source.image, source.shape())
        model = onnx.load(prepared)
        kept, left, total = float_layers(model, source.image)
        if not left:
            raise ModelError(
                f"{source.path} has nothing to quantise: no convolution lies between the first one "
                "and the heads"
            )
        before = judge.score(source.model.detector, lambda each: track(each, "measuring float"))
        for method in METHODS:
            steps = track(feeds, f"ranges, {method.name}")
            quantise(prepared, folder / source.file, kept, method, feeds, steps)
            _add_metadata(folder / source.file, entries)
            detector = load_model(LocalFolder(folder), Settings(engine=FALLBACK)).detector
            after = judge.score(detector, lambda each: track(each, "measuring int8"))
            times = interleaved(folder, source.path)
            losses = lost(before, after, labels=judge.against_labels)
            slow = [] if allow_slower else slower(times)
            if slow or not losses:  # another way to take the ranges does not change the time
                break
    return Found(
        (*losses, *slow),
        method,
        before,
        after,
        judge.against_labels,
        times,
        len(for_ranges),
        len(measured),
        (folder / source.file).stat().st_size,
        (left, total),
    )


def _add_metadata(path: Path, entries: Sequence[Any]) -> None:
    """Adds the metadata of the network in float, which say how it is read."""
    import onnx

    model = onnx.load(path)
    known = {entry.key for entry in entries}
    others = [entry for entry in model.metadata_props if entry.key not in known]
    del model.metadata_props[:]
    model.metadata_props.extend([*entries, *others])
    onnx.save(model, path)


@contextmanager
def _progress() -> Iterator[_Track]:
    """Yields a function that shows on a terminal how far an iteration is."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        yield lambda items, what: progress.track(list(items), description=what)
