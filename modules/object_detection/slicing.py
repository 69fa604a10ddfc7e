"""Finds small objects in a large image, by slices of it; start at `detect_in_slices`.

A network shrinks the image to its input, and small things disappear. So the image is also looked at
in overlapping slices: F. C. Akyon, S. O. Altinuc, A. Temizel, "Slicing Aided Hyper Inference and
Fine-tuning for Small Object Detection", 2022 (arxiv.org/abs/2202.06934), section 3.2. Slices are
views of the image. They are looked at one by one: a batch takes as much time as its images one
after the other (benchmarks/slices.md), and its memory grows with their number.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from .detections import Detections
from .merging import Found, merge
from .preprocessing import Preprocessing

MOST_SLICES = 2_000  # as of 12,000 x 9,000 pixels in slices of 320
_SIDE_STEP = 64  # of the sides that messages suggest
_PHOTO = (4, 3)  # width and height of most photos that networks are trained with

Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True)
class Slicing:
    """How an image is cut into slices.

    side: the longer one of a slice, in pixels. overlap: of neighbouring slices, as a part of their
    sides, 0 to 0.9. proportions: of a slice's width and height. A slice is as wide or high as the
    image where the image is smaller.
    """

    side: int
    overlap: float
    proportions: tuple[int, int] = (1, 1)

    @staticmethod
    def for_network(
        side: int, overlap: float, preprocessing: Preprocessing, input_size: tuple[int, int]
    ) -> Slicing:
        """Returns slices of the proportions that suit a network.

        They are those of its input, or those of most photos if it stretches images: it was trained
        with photos that were stretched to its input.
        """
        stretches = preprocessing.resize == "stretch"
        return Slicing(side, overlap, _PHOTO if stretches else input_size)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of a slice, in pixels."""
        width, height = self.proportions
        longer = max(width, height)
        return max(1, self.side * width // longer), max(1, self.side * height // longer)

    def count(self, width: int, height: int) -> int:
        """Returns the number of slices of an image; 0 if no side is longer than that of a slice."""
        if max(width, height) <= self.side:
            return 0
        columns, rows = (
            self._starts(*each) for each in zip((width, height), self.size, strict=True)
        )
        return len(columns) * len(rows)

    def rectangles(self, width: int, height: int) -> list[Rectangle]:
        """Returns the slices of an image of these pixels, row by row: left, top, right, bottom.

        All have the same size. The last of a row or column is moved inside, so that it overlaps
        its neighbour by more.
        """
        if not self.count(width, height):
            return []
        across, down = self.size
        return [
            (left, top, min(left + across, width), min(top + down, height))
            for top in self._starts(height, down)
            for left in self._starts(width, across)
        ]

    def larger_side(self, width: int, height: int, most: float) -> int | None:
        """Returns a larger side that makes at most `most` slices; None if no side does."""
        first = self.side // _SIDE_STEP * _SIDE_STEP + _SIDE_STEP
        for side in range(first, max(width, height), _SIDE_STEP):
            if replace(self, side=side).count(width, height) <= most:
                return side
        return None

    def _starts(self, length: int, across: int) -> range | list[int]:
        """Returns where the slices of a row or column begin; they are `across` pixels long."""
        if length <= across:
            return range(1)
        step = max(1, round(across * (1 - self.overlap)))
        last = length - across
        return [*range(0, last, step), last]


@dataclass(frozen=True)
class Progress:
    """How far an image is.

    slices: their number. passes_left: of the network. seconds_a_pass: the median.
    """

    slices: int
    passes_left: int
    seconds_a_pass: float


def detect_in_slices(
    detect: Callable[[NDArray[np.uint8]], Detections],
    image: NDArray[np.uint8],
    slicing: Slicing,
    after_pass: Callable[[Progress], None] | None = None,
) -> Detections:
    """Finds objects in the whole image and in its slices, and merges what is found.

    Args:
        detect: finds objects in an image or a slice, `(H, W, 3)` uint8 BGR.
        image: `(H, W, 3)` uint8 BGR. One that is no larger than a slice is looked at once.
        slicing: how to cut the image.
        after_pass: is called after each pass of the network; may raise, to stop here.

    Raises:
        ImageError: the image has too many slices.
    """
    height, width = image.shape[:2]
    _require_few(slicing, width, height)
    rectangles = [(0, 0, width, height), *slicing.rectangles(width, height)]
    found: list[Found] = []
    seconds: list[float] = []
    for left, top, right, bottom in rectangles:
        start = time.perf_counter()
        detections = detect(image[top:bottom, left:right])
        found.append(Found.in_slice(detections, (left, top, right, bottom), (width, height)))
        seconds.append(time.perf_counter() - start)
        if after_pass is not None and len(found) < len(rectangles):
            left_over = len(rectangles) - len(found)
            after_pass(Progress(len(rectangles) - 1, left_over, _usual(seconds)))
    return detections if len(found) == 1 else merge(found)


def _usual(seconds: list[float]) -> float:
    """Returns how long a pass takes: the first, in which an engine prepares, counts by half."""
    return statistics.median(seconds[1:]) if len(seconds) > 1 else seconds[0] / 2


def _require_few(slicing: Slicing, width: int, height: int) -> None:
    count = slicing.count(width, height)
    if count <= MOST_SLICES:
        return
    side = slicing.larger_side(width, height, MOST_SLICES)
    advice = f"; SLICE={side} is enough" if side else ""
    raise ImageError(
        f"{width} x {height} pixels have {count:,} slices with SLICE={slicing.side} and "
        f"SLICE_OVERLAP={slicing.overlap:g}; at most {MOST_SLICES:,} are allowed{advice}"
    )
