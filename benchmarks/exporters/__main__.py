"""Prints the comparison of every family, form and engine."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2

from modules.object_detection.engines.registry import ENGINE_NAMES

from .comparison import Export, Outcome, Predict, compare
from .families import FAMILIES

START, END = "<!-- make exporters: begin -->", "<!-- make exporters: end -->"


def main() -> int:
    """Compares every family; returns 1 if one differs from its project's predictor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, metavar="IMAGE_DIR")
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=FAMILIES)
    parser.add_argument("--docs", type=Path, help="a page whose table is replaced")
    arguments = parser.parse_args()
    images = [cv2.imread(str(path)) for path in sorted(arguments.images.glob("*.jpg"))]
    agreed, lines = True, []
    print("family", "form", "engine", "same detections", "share", sep="\t")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.families:
            family = FAMILIES[name]
            seen = family.prepare(images)
            for export, predict in quietly(family.exports(name, Path(folder), seen)):
                outcomes = [compare(export, predict, seen, engine) for engine in ENGINE_NAMES]
                for engine, outcome in zip(ENGINE_NAMES, outcomes, strict=True):
                    print(name, export.form, engine, *described(outcome), sep="\t", flush=True)
                agreed &= all(outcome.agrees for outcome in outcomes)
                cells = [name, family.project, export.form, *map(cell, outcomes)]
                lines.append("| " + " | ".join(cells) + " |")
    if arguments.docs:
        replace_table(arguments.docs, lines)
    return 0 if agreed else 1


def quietly(pairs: Iterator[tuple[Export, Predict]]) -> Iterator[tuple[Export, Predict]]:
    """Yields the exports without what exporters print."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    while True:
        with silence():
            pair = next(pairs, None)
        if pair is None:
            return
        yield pair


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Discards what Python and libraries print."""
    sys.stdout.flush()
    saved = [(descriptor, os.dup(descriptor)) for descriptor in (1, 2)]
    with Path(os.devnull).open("wb") as nothing:
        try:
            for descriptor, _ in saved:
                os.dup2(nothing.fileno(), descriptor)
            yield
        finally:
            sys.stdout.flush()
            for descriptor, copy in saved:
                os.dup2(copy, descriptor)
                os.close(copy)


def described(outcome: Outcome) -> tuple[str, ...]:
    """Describes an outcome for the terminal."""
    if outcome.refusal:
        return (f"refused: {outcome.refusal}"[:160],)
    return f"{outcome.same} of {outcome.total}", f"{outcome.share:.2%}"


def cell(outcome: Outcome) -> str:
    """Describes an outcome for the table."""
    if "ENGINE=onnxruntime" in outcome.refusal:
        return "`ENGINE=onnxruntime`"
    return "refused" if outcome.refusal else f"{outcome.share:.1%}"


def replace_table(page: Path, lines: Sequence[str]) -> None:
    """Replaces the table between the two marks of a page."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(START)
    _, after = rest.split(END)
    head = "| family | exporter | form | OpenCV | ONNX Runtime |\n|---|---|---|---|---|"
    table = "\n".join([START, head, *lines, END])
    page.write_text(before + table + after, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
