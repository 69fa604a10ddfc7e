"""Draws a contact sheet: pictures with the detections of two models side by side; see `Sheet`.

The file is a PNG with a note in it, by which a later run knows that it may replace it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ....errors import UsageError
from ....object_detection.annotate import annotate
from ....object_detection.detections import Detections
from ....object_detection.label_font import WEIGHT, font_for, has_glyph
from ....object_detection.label_text import drawn_text
from ....storage.local_files import write_atomically
from ...path_names import nearest_existing
from ...printing import printable
from .differences import Differences

_WIDTH, _MOST_HEIGHT = 640, 640  # of one picture on the sheet, in pixels
_GAP = 12
_TEXT, _LINE = 16, 24  # the height of the text and of its line, in pixels
_PAPER, _INK = 255, (32, 32, 32)
_MOST_LISTED = 4  # differences in a caption
_NOTE = ("Software", "python -m modules models compare")

Pixels = NDArray[np.uint8]


def check_target(path: Path, *, overwrite: bool) -> None:
    """Checks that a sheet can be written.

    Raises:
        UsageError: the name is no PNG's, there is no such folder, or another file has the name.
    """
    name = printable(str(path))
    if path.suffix.lower() != ".png":
        raise UsageError(f"{name}: the sheet is a PNG, so its name must end in .png")
    if nearest_existing(path.parent) != path.parent or not path.parent.is_dir():
        raise UsageError(f"{name}: there is no folder {printable(str(path.parent))}")
    if path.is_dir():
        raise UsageError(f"{name} is a folder")
    if path.exists() and not overwrite and not _is_sheet(path):
        raise UsageError(
            f"{name} exists, and is no sheet of this command; choose another name, or replace it "
            "with --overwrite"
        )


class Sheet:
    """A contact sheet with a row a picture: what model A finds on the left, and B on the right."""

    def __init__(self, title_a: str, title_b: str, names: Sequence[str]) -> None:
        """Begins a sheet.

        Args:
            title_a: of the left column.
            title_b: of the right column.
            names: of the classes, by the class ids of the detections.
        """
        self._names = names
        self._rows = [_beside(_lines([title_a], _WIDTH), _lines([title_b], _WIDTH))]

    def add(self, title: str, pixels: Pixels, found: Differences) -> None:
        """Adds a row.

        Args:
            title: names the picture.
            pixels: `(H, W, 3)` uint8 BGR, upright.
            found: the detections of both models in it.
        """
        caption = _lines([title, describe(found, self._names)], 2 * _WIDTH + _GAP)
        pictures = _beside(self._draw(pixels, found.a), self._draw(pixels, found.b))
        self._rows.append(np.vstack([caption, pictures]))

    def write(self, path: Path) -> None:
        """Writes the sheet, whole or not at all.

        Raises:
            OSError: the file cannot be written.
        """
        from PIL import Image
        from PIL.PngImagePlugin import PngInfo

        rows = self._rows
        if len(rows) == 1:
            rows = [*rows, _lines(["no picture differs"], 2 * _WIDTH + _GAP)]
        gap = np.full((_GAP, 2 * _WIDTH + _GAP, 3), _PAPER, np.uint8)
        spaced = [part for row in rows for part in (row, gap)]
        sheet = cv2.copyMakeBorder(
            np.vstack(spaced), *(_GAP, 0, _GAP, _GAP), cv2.BORDER_CONSTANT, value=(_PAPER,) * 3
        )
        note, file = PngInfo(), io.BytesIO()
        note.add_text(*_NOTE)
        Image.fromarray(np.ascontiguousarray(sheet[..., ::-1])).save(file, "PNG", pnginfo=note)
        with write_atomically(path) as target:
            target.write(file.getvalue())

    def _draw(self, pixels: Pixels, found: Detections) -> Pixels:
        """Returns a picture with its detections, as wide as a column or as high as allowed."""
        height, width = pixels.shape[:2]
        scale = min(_WIDTH / width, _MOST_HEIGHT / height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
        small = cv2.resize(pixels, size, interpolation=method)
        factors = np.array(size * 2, np.float32) / np.array((width, height) * 2, np.float32)
        boxes: NDArray[np.float32] = (found.boxes * factors).astype(np.float32)
        drawn = annotate(small, replace(found, boxes=boxes), self._names)
        column = np.full((size[1], _WIDTH, 3), _PAPER, np.uint8)
        column[:, : size[0]] = drawn
        return column


def describe(found: Differences, names: Sequence[str]) -> str:
    """Returns a line about the differences in a picture, the most confident ones first.

    >>> box = np.array([[0, 0, 10, 10]], np.float32)
    >>> one = Detections(box, np.array([0.91], np.float32), np.array([0], np.int32))
    >>> none = Detections(box[:0], np.array([], np.float32), np.array([], np.int32))
    >>> describe(Differences(one, none, (), (0,), ()), ["dog"])
    'only A: dog 91%'
    """
    parts = []
    for title, side, indices in (
        ("only A", found.a, found.only_a),
        ("only B", found.b, found.only_b),
    ):
        listed = [
            f"{names[side.class_ids[index]]} {side.confidences[index]:.0%}" for index in indices
        ]
        parts += [f"{title}: {_shorten(listed)}"] if listed else []
    pairs = sorted(found.moved, key=lambda pair: pair.iou)
    moved = [f"{names[found.a.class_ids[pair.a]]} IoU {pair.iou:.2f}" for pair in pairs]
    parts += [f"moved: {_shorten(moved)}"] if moved else []
    return "; ".join(parts)


def _shorten(listed: Sequence[str]) -> str:
    more = len(listed) - _MOST_LISTED
    return ", ".join(listed[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def _lines(texts: Sequence[str], width: int) -> Pixels:
    """Returns lines of text on white, `(H, width, 3)`; a text that is too long is cut off."""
    canvas = np.full((_LINE * len(texts), width, 3), _PAPER, np.uint8)
    for number, text in enumerate(texts):
        shown = printable(text)
        shown = drawn_text(shown) or shown
        shown = "".join(letter if has_glyph(letter) else "?" for letter in shown)
        font = font_for(shown)
        while shown and _text_width(shown, font, width) > width:
            shown = shown[: len(shown) * 9 // 10].rstrip("…") + ("…" if len(shown) > 1 else "")
        place = (0, number * _LINE + _TEXT)
        cv2.putText(canvas, shown, place, _INK, font, _TEXT, WEIGHT)
    return canvas


def _text_width(text: str, font: cv2.FontFace, width: int) -> int:
    return int(cv2.getTextSize((width, _LINE), text, (0, 0), font, _TEXT, WEIGHT)[2])


def _beside(left: Pixels, right: Pixels) -> Pixels:
    """Returns two pictures of one height side by side."""
    gap = np.full((left.shape[0], _GAP, 3), _PAPER, np.uint8)
    return np.hstack([left, gap, right])


def _is_sheet(path: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            return image.info.get(_NOTE[0]) == _NOTE[1]
    except (OSError, ValueError, SyntaxError):
        return False
