"""A picture that tracks which thing covers each pixel while it is composed; start at `Stage`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .stall import Ground, Sprite

Place = tuple[float, float]
_OPAQUE = 127  # alpha above which a pixel belongs to the sprite


@dataclass(frozen=True)
class Label:
    """One fruit: its kind's index in KINDS, and the box of its visible part, xyxy in pixels."""

    class_id: int
    box: tuple[int, int, int, int]


class Stage:
    """A canvas, `(h, w, 3)` float32 BGR from 0 to 255, and the owner of each pixel."""

    def __init__(self, canvas: Ground, light: tuple[float, float], grain: float) -> None:
        """Starts with an empty table.

        Args:
            canvas: the picture of the table; things are drawn onto it.
            light: x and y of the direction to the lamp, which has length 1 in space.
            grain: the size of a typical fruit in pixels; shadows are scaled by it.
        """
        self.canvas = canvas
        self._light = light
        self._grain = grain
        self._owner = np.zeros(canvas.shape[:2], np.int32)
        self._fruit: list[tuple[int, int]] = []  # kind, and number of pixels if nothing covers it

    def put(
        self, sprite: Sprite, at: Place, *, min_visible: float = 0.0, shadow: float = 0.4
    ) -> bool:
        """Places a thing with its middle at a point.

        Returns False, and does nothing, if less than the share `min_visible` of any fruit under it
        would stay visible. shadow: the darkness of its shadow, 0 to 1.
        """
        return self._put(sprite, at, None, min_visible, shadow)

    def put_fruit(
        self, sprite: Sprite, at: Place, kind: int, *, min_visible: float, shadow: float
    ) -> bool:
        """Places a fruit like `put`; the same share of it must be inside the picture, too."""
        return self._put(sprite, at, kind, min_visible, shadow)

    def labels(self, min_visible: float) -> tuple[Label, ...]:
        """Returns labels of the fruit of which at least the share `min_visible` is visible."""
        found = []
        for number, (kind, whole) in enumerate(self._fruit, 1):
            mask = (self._owner == number).astype(np.uint8)
            if cv2.countNonZero(mask) >= min_visible * whole:
                x, y, width, height = cv2.boundingRect(mask)
                found.append(Label(kind, (x, y, x + width, y + height)))
        return tuple(found)

    def _put(
        self, sprite: Sprite, at: Place, kind: int | None, min_visible: float, shadow: float
    ) -> bool:
        height, width = sprite.shape[:2]
        left, top = round(at[0] - width / 2), round(at[1] - height / 2)
        here, part = self._overlap(sprite, left, top)
        solid = part[:, :, 3] > _OPAQUE
        whole = int(np.count_nonzero(sprite[:, :, 3] > _OPAQUE))
        if kind is not None and np.count_nonzero(solid) < min_visible * whole:
            return False
        owner = self._owner[here]
        if not self._stays_visible(owner[solid], min_visible):
            return False
        self._cast_shadow(sprite[:, :, 3], left, top, shadow)
        ground = self.canvas[here]
        ground += (part[:, :, :3] - ground) * (part[:, :, 3:].astype(np.float32) / 255)
        owner[solid] = 0
        if kind is not None:
            self._fruit.append((kind, whole))
            owner[solid] = len(self._fruit)
        return True

    def _stays_visible(self, covered: NDArray[np.int32], min_visible: float) -> bool:
        """Returns whether enough of every fruit stays visible if these pixels are covered."""
        for number in np.unique(covered[covered > 0]):
            rest = np.count_nonzero(self._owner == number) - np.count_nonzero(covered == number)
            if rest < min_visible * self._fruit[number - 1][1]:
                return False
        return True

    def _cast_shadow(self, mask: NDArray[np.uint8], left: int, top: int, depth: float) -> None:
        """Darkens the pixels under a thing, away from the light."""
        size = min(*mask.shape, self._grain)
        soft = max(1.0, size * 0.07)
        margin = math.ceil(soft * 3)
        bordered = cv2.copyMakeBorder(mask, *(margin,) * 4, cv2.BORDER_CONSTANT)
        blurred = cv2.GaussianBlur(bordered, (0, 0), soft)
        reach = size * 0.12
        left = round(left - margin - self._light[0] * reach)
        top = round(top - margin + (0.5 - 0.6 * self._light[1]) * reach)
        here, part = self._overlap(blurred, left, top)
        self.canvas[here] *= 1 - (depth / 255) * part[:, :, np.newaxis].astype(np.float32)

    def _overlap(
        self, sprite: NDArray[np.uint8], left: int, top: int
    ) -> tuple[tuple[slice, slice], NDArray[np.uint8]]:
        """Returns the canvas's rows and columns under a sprite, and that part of the sprite.

        Both may be empty.
        """
        spans = []
        rooms: tuple[int, ...] = self._owner.shape
        for start, side, room in zip((top, left), sprite.shape[:2], rooms, strict=True):
            low = min(max(start, 0), room)
            spans.append((slice(low, max(low, min(start + side, room))), start))
        (rows, above), (columns, before) = spans
        part = sprite[
            rows.start - above : rows.stop - above, columns.start - before : columns.stop - before
        ]
        return (rows, columns), part
