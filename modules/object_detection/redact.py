"""Hides objects in an image, so that nobody can recognise them; start at `redact`.

A region is averaged to a few mean colours, and only these are drawn. So no filter can restore it:
everything else is gone. Plain blurring with a known kernel can be undone, and mosaics of many cells
can be recognised (McPherson, Shokri and Shmatikov, "Defeating Image Obfuscation with Deep
Learning", 2016).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

# Colours along the longer side of a region, from weak to strong; 0 is grey, whatever was there
STRENGTHS = (4, 2, 1, 0)
_GREY = 128
_MIN_CELL = 8.0  # pixels; with smaller ones, a tiny object would stay as it is
_MARGIN = 0.1  # of a box's width and height, on each side
_MIN_MARGIN = 0.005  # of the image's longer side: networks see large images shrunk


def redact(
    image: NDArray[np.uint8], boxes: NDArray[np.float32], *, smooth: bool, cells: int = STRENGTHS[0]
) -> None:
    """Replaces what is in the boxes, and a margin around them, by a few mean colours each.

    Draws on `image` itself. Large boxes come first, so that a small one inside a large one is made
    of what is left there.

    Args:
        image: `(H, W, 3)` uint8 BGR.
        boxes: `(N, 4)` float32, xyxy, in pixels of `image`.
        smooth: True blends the colours into each other, False draws a mosaic.
        cells: the most colours along a box's longer side, fewer if they would be small; 0 for grey.
    """
    height, width = image.shape[:2]
    regions = [_region(box, width, height) for box in boxes.tolist()]
    for rows, columns in sorted(regions, key=_area, reverse=True):
        _average(image[rows, columns], cells, smooth=smooth)


def _region(box: list[float], width: int, height: int) -> tuple[slice, slice]:
    """Returns the rows and columns of a box with its margin, inside the image."""
    left, top, right, bottom = box
    least = _MIN_MARGIN * max(width, height)
    across, along = max(least, _MARGIN * (right - left)), max(least, _MARGIN * (bottom - top))
    rows = slice(max(0, math.floor(top - along)), min(height, math.ceil(bottom + along)))
    columns = slice(max(0, math.floor(left - across)), min(width, math.ceil(right + across)))
    return rows, columns


def _area(region: tuple[slice, slice]) -> int:
    rows, columns = region
    return int((rows.stop - rows.start) * (columns.stop - columns.start))


def _average(region: NDArray[np.uint8], cells: int, *, smooth: bool) -> None:
    if not cells:
        region[:] = _GREY
        return
    height, width = region.shape[:2]
    cell = max(_MIN_CELL, max(height, width) / cells)
    grid = max(1, round(width / cell)), max(1, round(height / cell))
    colours = cv2.resize(region, grid, interpolation=cv2.INTER_AREA)
    filling = cv2.INTER_CUBIC if smooth else cv2.INTER_NEAREST
    region[:] = cv2.resize(colours, (width, height), interpolation=filling)
