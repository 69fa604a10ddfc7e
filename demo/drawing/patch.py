"""A transparent canvas for one fruit; start at `Patch`.

Lengths are in units of a patch. x points to the right, y down, z toward the viewer.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .texture import Colour, Plane, Planes, as_planes

Point = tuple[float, float]


_EPSILON = 1e-6


class Patch:
    """A square transparent canvas on which one fruit is drawn, from back to front."""

    def __init__(self, pixels: int, reach: float = 1.0) -> None:
        """Creates `pixels` x `pixels`, which cover -reach to reach in both directions."""
        self.scale = pixels / (2 * reach)
        self.reach = reach
        self._colour = np.zeros((3, pixels, pixels), np.float32)
        self._alpha = np.zeros((pixels, pixels), np.float32)

    def window(self, x: float, y: float, radius: float) -> Window:
        """Returns the part of the canvas within `radius` of a point, with a margin of one pixel."""
        return self.around(np.array([[x - radius, y - radius], [x + radius, y + radius]]), (x, y))

    def around(self, points: NDArray[np.float64], origin: tuple[float, float]) -> Window:
        """Returns the part of the canvas around `(N, 2)` points; its x and y start at `origin`."""
        pixels = len(self._alpha)
        places = (points + self.reach) * self.scale
        low = np.clip(np.floor(places.min(axis=0)).astype(int) - 1, 0, pixels - 1)
        high = np.clip(np.ceil(places.max(axis=0)).astype(int) + 1, low + 1, pixels)
        (left, top), (right, bottom) = low.tolist(), high.tolist()
        ticks = _ticks(pixels, self.reach)
        columns, rows = slice(left, right), slice(top, bottom)
        x, y = ticks[columns] - origin[0], ticks[rows, np.newaxis] - origin[1]
        return Window(rows, columns, x.astype(np.float32), y.astype(np.float32), self.scale)

    def lay(self, window: Window, colour: Planes, coverage: Plane) -> None:
        """Draws `colour`, `(3, h, w)` from 0 to 1, over the content of the window.

        coverage: `(h, w)` from 0 to 1, the opacity.
        """
        below = self._colour[:, window.rows, window.columns]
        alpha = self._alpha[window.rows, window.columns]
        keep = 1 - coverage
        below *= keep
        below += colour * coverage
        alpha *= keep
        alpha += coverage

    def stroke(
        self, points: Sequence[Point], width: float, colour: Colour, taper: float = 1.0
    ) -> None:
        """Draws a stalk, lit from the upper left, that is `taper` times as wide at its end."""
        path = np.array(points)
        along = np.gradient(path, axis=0)
        across = np.stack([-along[:, 1], along[:, 0]], axis=1)
        across /= np.hypot(across[:, :1], across[:, 1:]) + _EPSILON
        half = (width / 2 * np.linspace(1, taper, len(path)))[:, np.newaxis] * across
        lit = half * np.where(half[:, :1] + half[:, 1:] > 0, -1, 1)
        dark = (colour[0] * 0.55, colour[1] * 0.55, colour[2] * 0.55)
        self.polygon(np.concatenate([path + half, (path - half)[::-1]]), dark)
        self.polygon(np.concatenate([path + lit, (path - lit * 0.1)[::-1]]), colour)

    def polygon(self, points: Sequence[Point] | NDArray[np.float64], colour: Colour) -> None:
        """Draws a flat shape of one colour."""
        places = np.asarray(points)
        window = self.around(places, (0.0, 0.0))
        start = (window.columns.start, window.rows.start)
        corners = (places + self.reach) * self.scale - 0.5 - start
        mask = np.zeros((window.y.shape[0], window.x.shape[0]), np.uint8)
        cv2.fillPoly(mask, [(corners * 16).round().astype(np.int32)], 255, cv2.LINE_AA, 4)
        self.lay(window, as_planes(colour) / 255, mask * np.float32(1 / 255))

    def pixels(self) -> NDArray[np.uint8]:
        """Returns the canvas, `(h, w, 4)` uint8 BGRA; colours are not multiplied by alpha."""
        alpha = np.clip(self._alpha, 0, 1)
        colour = self._colour * (255 / np.maximum(alpha, np.float32(_EPSILON)))
        planes = [*colour, alpha * 255]
        picture: NDArray[np.uint8] = cv2.merge([cv2.convertScaleAbs(plane) for plane in planes])
        return picture


@dataclass(frozen=True)
class Window:
    """A rectangle of a patch; x `(w,)` and y `(h, 1)` are relative to its origin."""

    rows: slice
    columns: slice
    x: Plane
    y: Plane
    scale: float


def curve(start: Point, end: Point, bow: float) -> list[Point]:
    """Returns ten points from start to end along an arc; `bow` is its sideways height."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    points = []
    for step in range(10):
        t = step / 9
        offset = 4 * bow * t * (1 - t)
        points.append((start[0] + dx * t - dy * offset * 4, start[1] + dy * t + dx * offset * 4))
    return points


@functools.lru_cache(maxsize=64)
def _ticks(pixels: int, reach: float) -> Plane:
    """Returns the coordinates of the pixels' centres along a side."""
    return (((np.arange(pixels) + 0.5) / pixels * 2 - 1) * reach).astype(np.float32)
