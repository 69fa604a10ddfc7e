"""Composes market stalls with labels; start at `render_scene`.

Fruit is placed from back to front. Every pixel belongs to the thing that was drawn there last, so a
fruit's box is that of its visible part, exact to the pixel. Nothing is placed where less than
`LEAST_VISIBLE` of another fruit would stay visible. The exception is a container's front, which may
hide more of the container's own fruit; such fruit gets no label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..drawing.fruit import draw
from ..drawing.light import Light
from ..drawing.varieties import KINDS, SIZES, Variety, variety
from . import stall
from .camera import daylight, photograph
from .stage import Label, Place, Stage

LEAST_VISIBLE = 0.6
TRAINING_SEED, HELD_OUT_SEED, SAMPLE_SEED = 1, 2, 3
_MAX_IN_A_PILE = 14
_VARIETIES = 40  # varieties of each kind on the market
_LAYOUTS = {"loose": 0.34, "crates": 0.34, "baskets": 0.16, "plates": 0.16}


@dataclass(frozen=True)
class Scene:
    """A picture, `(h, w, 3)` uint8 BGR, and its labels."""

    pixels: NDArray[np.uint8]
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class _Area:
    """A rectangle, in pixels, in which fruit may be placed."""

    left: float
    top: float
    right: float
    bottom: float

    def shrunk(self, margin: float) -> _Area:
        """Returns the area without a margin; at least its middle remains."""
        x, y = (self.left + self.right) / 2, (self.top + self.bottom) / 2
        return _Area(
            min(self.left + margin, x),
            min(self.top + margin, y),
            max(self.right - margin, x),
            max(self.bottom - margin, y),
        )


@dataclass(frozen=True)
class _Holder:
    """A crate, basket or plate: its area for fruit, and the front that hides part of the fruit.

    edge: the middle of its lower edge. shadow: the darkness of the front's shadow, 0 to 1.
    """

    area: _Area
    front: stall.Sprite | None = None
    front_at: Place = (0.0, 0.0)
    edge: Place = (0.0, 0.0)
    shadow: float = 0.0


def render_scene(seed: int, number: int, size: tuple[int, int] = (640, 480)) -> Scene:
    """Renders the same scene for a seed and a number every time.

    size: (width, height) in pixels.
    """
    rng = np.random.default_rng([seed, number])
    width, height = size
    light = daylight(rng)
    market = _Market(rng, width, height, light)
    market.furnish()
    stage = market.stage
    return Scene(photograph(rng, stage.canvas, light), stage.labels(LEAST_VISIBLE))


class _Market:
    """A stall that is being set up."""

    def __init__(self, rng: np.random.Generator, width: int, height: int, light: Light) -> None:
        self._rng = rng
        self._light = light
        self._width, self._height = width, height
        self._apple = height * rng.uniform(
            0.15, 0.3
        )  # an apple's size in the middle of the picture's height
        horizon = int(height * max(0.0, rng.uniform(-0.25, 0.3)))
        canvas = stall.table(rng, width, height)
        if horizon > 4:
            canvas[:horizon] = stall.backdrop(rng, width, horizon)
            depth = np.arange(height - horizon, dtype=np.float32)[:, np.newaxis, np.newaxis]
            canvas[horizon:] *= 1 - 0.45 * np.exp(-depth / (0.05 * height))
        self._horizon = horizon
        self.stage = Stage(canvas, light.direction[:2], self._apple)

    def furnish(self) -> None:
        """Places and fills crates, baskets or plates, and scatters fruit around them."""
        rng, width, height = self._rng, self._width, self._height
        layout = rng.choice(list(_LAYOUTS), p=list(_LAYOUTS.values()))
        loose = _Area(0.04 * width, self._horizon + 0.08 * height, 0.96 * width, 0.95 * height)
        if layout == "loose":
            self._scatter(loose, int(rng.integers(5, 15)))
        else:
            count = int(rng.integers(1, 4 if layout == "crates" else 3))
            self._set_up(layout, count)
            self._scatter(loose, int(rng.integers(0, 6)), tries=2)
        for _ in range(int(rng.integers(0, 3))):
            sprite = stall.leaf(rng, int(self._apple * rng.uniform(0.5, 1.0)))
            self.stage.put(sprite, self._random_place(loose), min_visible=LEAST_VISIBLE)

    def _set_up(self, layout: str, count: int) -> None:
        """Places containers side by side, then fills one after the other."""
        rng, width, height = self._rng, self._width, self._height
        holders = []
        for place in range(count):
            wide = int(width / count * rng.uniform(0.78, 0.96))
            tall = int(min(wide * rng.uniform(0.6, 0.95), (height - self._horizon) * 0.9))
            middle = width * (place + 0.5) / count + rng.normal(0, 0.015) * width
            low = (self._horizon + height) / 2 + rng.uniform(-0.06, 0.1) * height
            holders.append(self._place_container(layout, (middle, low), wide, tall))
        for holder in holders:
            self._pile(holder.area)
            if holder.front is not None:
                self.stage.put(holder.front, holder.front_at, shadow=holder.shadow)
            if holder.front is not None and rng.uniform() < 0.4:
                width = holder.front.shape[1]
                sprite = stall.tag(rng, int(max(28, width * rng.uniform(0.18, 0.3))))
                x, y = holder.edge
                self.stage.put(
                    sprite,
                    (x + rng.uniform(-0.3, 0.3) * width, y),
                    min_visible=LEAST_VISIBLE,
                    shadow=0.35,
                )

    def _place_container(self, layout: str, at: Place, wide: int, tall: int) -> _Holder:
        """Places one container."""
        x, y = at
        if layout == "crates":
            back, front = stall.crate(self._rng, wide, tall)
            self.stage.put(back, at, shadow=0.6)
            board = front.shape[0]
            area = _Area(x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2 - board * 0.5)
            below = y + tall / 2
            return _Holder(area, front, (x, below - board * 0.3), (x, below - board * 0.2), 0.3)
        if layout == "baskets":
            tall = int(tall * 0.9)
            back, front = stall.basket(self._rng, wide, tall)
            self.stage.put(back, at, shadow=0.5)
            area = _Area(x - wide * 0.42, y - tall * 0.42, x + wide * 0.42, y + tall * 0.2)
            return _Holder(area, front, at, (x, y + tall * 0.4), 0.0)
        tall = int(tall * 0.75)
        self.stage.put(stall.plate(self._rng, wide, tall), at, shadow=0.5)
        return _Holder(_Area(x - wide * 0.42, y - tall * 0.5, x + wide * 0.42, y + tall * 0.36))

    def _pile(self, area: _Area) -> None:
        """Piles fruit of one variety, sometimes of several, from the back to the front."""
        rng = self._rng
        varieties = [self._fitting_variety(area) for _ in range(1 if rng.uniform() < 0.7 else 3)]
        side = self._apple * max(SIZES[chosen.kind] for chosen in varieties)
        room = (area.right - area.left) * (area.bottom - area.top) / side**2
        count = min(_MAX_IN_A_PILE, round(room * rng.uniform(0.6, 1.8)) + 1)
        middles = area.shrunk(side * 0.42)
        self._place_fruit(
            [varieties[int(rng.integers(len(varieties)))] for _ in range(count)], middles, 5
        )

    def _fitting_variety(self, area: _Area) -> Variety:
        """Returns a variety that fits into the area, if a few tries find one."""
        side = min(area.right - area.left, area.bottom - area.top)
        for _ in range(8):
            chosen = self._random_variety()
            if SIZES[chosen.kind] * self._apple < side:
                break
        return chosen

    def _scatter(self, area: _Area, count: int, tries: int = 6) -> None:
        self._place_fruit([self._random_variety() for _ in range(count)], area, tries)

    def _place_fruit(self, varieties: list[Variety], area: _Area, tries: int) -> None:
        places = sorted((self._random_place(area) for _ in varieties), key=lambda place: place[1])
        for chosen, place in zip(varieties, places, strict=True):
            at = place
            for _ in range(tries):
                if self._put_fruit(chosen, at):
                    break
                at = self._random_place(area)

    def _put_fruit(self, chosen: Variety, at: Place) -> bool:
        nearness = 0.78 + 0.44 * at[1] / self._height
        side = int(self._apple * nearness * SIZES[chosen.kind] * self._rng.uniform(0.88, 1.12))
        upward = None if self._rng.uniform() < 0.4 else float(self._rng.normal(-math.pi / 2, 0.7))
        sprite = draw(chosen, self._rng, side, self._light, upward)
        kind = KINDS.index(chosen.kind)
        return self.stage.put_fruit(sprite, at, kind, min_visible=LEAST_VISIBLE, shadow=0.55)

    def _random_place(self, area: _Area) -> Place:
        rng = self._rng
        return float(rng.uniform(area.left, area.right)), float(rng.uniform(area.top, area.bottom))

    def _random_variety(self) -> Variety:
        kind = KINDS[int(self._rng.integers(len(KINDS)))]
        return variety(kind, int(self._rng.integers(_VARIETIES)))
