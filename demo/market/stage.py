"""A picture in the making that knows what covers what; start at `Stage`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .stall import Ground, Sprite

Place = tuple[float, float]
_OPAQUE = 127  # alpha above which a picture element belongs to what is laid there


@dataclass(frozen=True)
class Label:
    """One fruit: its kind's place in KINDS, and its visible part, xyxy in pixels."""

    class_id: int
    box: tuple[int, int, int, int]


class Stage:
    """A canvas, `(h, w, 3)` float32 BGR from 0 to 255, and the owner of each picture element."""

    def __init__(self, canvas: Ground, light: tuple[float, float], grain: float) -> None:
        """An empty table.

        Args:
            canvas: what it looks like; it is drawn on.
            light: x and y of the direction to the lamp, length 1 in space.
            grain: the size of a usual fruit, which shadows go by, pixels.
        """
        self.canvas = canvas
        self._light = light
        self._grain = grain
        self._owner = np.zeros(canvas.shape[:2], np.int32)
        self._fruit: list[tuple[int, int]] = []  # kind, and pixels when whole

    def put(self, sprite: Sprite, at: Place, *, least: float = 0.0, shadow: float = 0.4) -> bool:
        """Lays a thing with its middle at a place.

        Returns False, and does nothing, if less than a share `least` of any fruit under it would
        stay visible. shadow: how dark the one that it casts is, 0 to 1.
        """
        return self._put(sprite, at, None, least, shadow)

    def put_fruit(
        self, sprite: Sprite, at: Place, kind: int, *, least: float, shadow: float
    ) -> bool:
        """The same for a fruit, of which that share must lie within the picture, too."""
        return self._put(sprite, at, kind, least, shadow)

    def labels(self, least: float) -> tuple[Label, ...]:
        """Fruit of which at least a share `least` is visible, and where that is."""
        found = []
        for number, (kind, whole) in enumerate(self._fruit, 1):
            mask = (self._owner == number).astype(np.uint8)
            if cv2.countNonZero(mask) >= least * whole:
                x, y, width, height = cv2.boundingRect(mask)
                found.append(Label(kind, (x, y, x + width, y + height)))
        return tuple(found)

    def _put(
        self, sprite: Sprite, at: Place, kind: int | None, least: float, shadow: float
    ) -> bool:
        height, width = sprite.shape[:2]
        left, top = round(at[0] - width / 2), round(at[1] - height / 2)
        here, part = self._overlap(sprite, left, top)
        solid = part[:, :, 3] > _OPAQUE
        whole = int(np.count_nonzero(sprite[:, :, 3] > _OPAQUE))
        if kind is not None and np.count_nonzero(solid) < least * whole:
            return False
        owner = self._owner[here]
        if not self._leaves(owner[solid], least):
            return False
        self._cast(sprite[:, :, 3], left, top, shadow)
        ground = self.canvas[here]
        ground += (part[:, :, :3] - ground) * (part[:, :, 3:].astype(np.float32) / 255)
        owner[solid] = 0
        if kind is not None:
            self._fruit.append((kind, whole))
            owner[solid] = len(self._fruit)
        return True

    def _leaves(self, covered: NDArray[np.int32], least: float) -> bool:
        """Whether at least that share of every fruit remains when these are covered."""
        for number in np.unique(covered[covered > 0]):
            rest = np.count_nonzero(self._owner == number) - np.count_nonzero(covered == number)
            if rest < least * self._fruit[number - 1][1]:
                return False
        return True

    def _cast(self, mask: NDArray[np.uint8], left: int, top: int, depth: float) -> None:
        """Darkens what lies under a thing, away from the light."""
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
        """Where a sprite lies on the canvas, and the part of it that does, both perhaps empty."""
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
