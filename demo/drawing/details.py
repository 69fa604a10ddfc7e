"""Draws small flat details of fruit: the ends of stalks, stars, calyxes."""

from __future__ import annotations

import math

import numpy as np

from .patch import Patch, Point
from .solids import Vector, across_axis
from .texture import Colour


def on_axis(axis: Vector, distance: float) -> Point:
    """Projects a point of the axis through the patch's middle onto the picture."""
    return axis[0] * distance, axis[1] * distance


def toward(start: Point, end: Point, reach: float) -> Point:
    """Returns the point at the distance `reach` from start toward end."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy) or 1.0
    return start[0] + dx / length * reach, start[1] + dy / length * reach


def draw_disc(patch: Patch, centre: Point, radius: float, colour: Colour) -> None:
    """Draws a round spot."""
    patch.polygon(
        [
            (centre[0] + radius * math.cos(a), centre[1] + radius * math.sin(a))
            for a in np.linspace(0, 2 * math.pi, 12, endpoint=False)
        ],
        colour,
    )


def draw_star(
    patch: Patch,
    pole: Point,
    axis: Vector,
    radius: float,
    points: int,
    colour: Colour,
    inner: float,
) -> None:
    """Draws a small star around the pole, foreshortened like the pole."""
    flat = math.atan2(axis[1], axis[0])
    squeeze = max(0.25, abs(axis[2]))
    corners = []
    for corner in range(points * 2):
        a = math.pi * corner / points
        r = radius if corner % 2 else radius * inner
        u, v = r * math.cos(a) * squeeze, r * math.sin(a)
        corners.append(
            (
                pole[0] + u * math.cos(flat) - v * math.sin(flat),
                pole[1] + u * math.sin(flat) + v * math.cos(flat),
            )
        )
    patch.polygon(corners, colour)


def draw_calyx(
    patch: Patch,
    axis: Vector,
    radii: Point,
    points: int,
    start: float,
    reach: float,
    colour: Colour,
    drop: float,
) -> None:
    """Draws green leaves around a body's pole, each a slender triangle on the skin."""
    side, other = across_axis(axis)

    def place(polar: float, around: float) -> Point:
        up, flat = radii[1] * math.cos(polar), radii[0] * math.sin(polar)
        u, v = flat * math.cos(around), flat * math.sin(around)
        x, y = (axis[i] * up + side[i] * u + other[i] * v for i in range(2))
        return x, y + drop

    for leaf in range(points):
        a = start + 2 * math.pi * leaf / points
        wide = 1.1 / points * math.pi
        patch.polygon(
            [
                place(0.02, a),
                place(0.16, a - wide),
                place(reach * 0.6, a - wide * 0.22),
                place(reach, a + 0.12),
                place(reach * 0.55, a + wide * 0.3),
                place(0.16, a + wide),
            ],
            colour,
        )
