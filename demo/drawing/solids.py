"""Outlines and normals of solid bodies; start at `ellipsoid` and `tube`.

The projection is parallel, so both kinds of body have a closed formula for every pixel: an
ellipsoid is a quadratic equation in z, and a tube has a circle at every point of its spine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from .patch import Patch, Window
from .texture import Plane, grains

Vector = tuple[float, float, float]


_EPSILON = 1e-6


@dataclass(frozen=True)
class Surface:
    """The visible side of a body, `(h, w)` planes over a window.

    coverage: 0 to 1. normal: x, y and z, length 1. along: from -1 at the end to 1 at the stem.
    around: the angle about the axis, radians.
    """

    window: Window
    coverage: Plane
    normal: tuple[Plane, Plane, Plane]
    along: Plane
    around: Plane

    def bumped(self, height: Plane, amount: float) -> Surface:
        """Returns the surface with normals tilted as by a relief of this height, `(h, w)`."""
        nx, ny, nz = self.normal
        nx = nx - cv2.Sobel(height, -1, 1, 0, scale=amount / 8)
        ny = ny - cv2.Sobel(height, -1, 0, 1, scale=amount / 8)
        length = np.sqrt(nx * nx + ny * ny + nz * nz) + np.float32(_EPSILON)
        return replace(self, normal=(nx / length, ny / length, nz / length))

    def noise(self, rng: np.random.Generator, cell: float) -> Plane:
        """Returns smooth noise of grains `cell` units wide: mean 0, standard deviation some 0.6."""
        shape = self.coverage.shape
        return grains(rng, shape, max(1.0, cell * self.window.scale))


def ellipsoid(
    patch: Patch, centre: tuple[float, float], axis: Vector, across: float, along: float
) -> Surface:
    """Returns an ellipsoid of revolution.

    axis: toward the stem, length 1. across, along: the radii across and along the axis.
    """
    axis_ = np.array(axis)
    window = patch.window(*centre, max(across, along))
    # |p|^2 / across^2 + (p.axis)^2 (1 / along^2 - 1 / across^2) = 1, solved for z
    extra = 1 / along**2 - 1 / across**2
    matrix = np.eye(3) / across**2 + extra * np.outer(axis_, axis_)
    x, y = window.x, window.y
    a = matrix[2, 2]
    b = np.float32(matrix[0, 2]) * x + np.float32(matrix[1, 2]) * y
    c = (
        np.float32(matrix[0, 0]) * x * x
        + np.float32(2 * matrix[0, 1]) * x * y
        + np.float32(matrix[1, 1]) * y * y
    )
    outline = np.maximum(c - b * b / np.float32(a), 0)  # 1 on the silhouette
    z = (np.sqrt(np.maximum(1 - outline, 0) * np.float32(a)) - b) / np.float32(a)
    point = (x, y, z)
    nx, ny, nz = (_dot(row.tolist(), point) for row in matrix)
    length = np.sqrt(nx * nx + ny * ny + nz * nz) + np.float32(_EPSILON)
    side, other = across_axis(axis)
    around = cv2.phase(_dot(side, point), _dot(other, point))
    coverage = np.clip((1 - np.sqrt(outline)) * np.float32(across * patch.scale) + 0.5, 0, 1)
    normal = nx / length, ny / length, nz / length
    return Surface(window, coverage, normal, _dot(axis, point) / np.float32(along), around)


def _dot(one: Sequence[float], other: Sequence[Plane]) -> Plane:
    """Returns the scalar product of a vector with the vector at every pixel."""
    product: Plane = np.float32(one[0]) * other[0]
    for value, plane in zip(one[1:], other[1:], strict=True):
        product = product + np.float32(value) * plane
    return product


def tilted(angle: float, towards: float) -> Vector:
    """Returns a direction of length 1.

    angle: radians in the picture. towards: its part toward the viewer, -1 to 1.
    """
    flat = math.sqrt(1 - towards * towards)
    return flat * math.cos(angle), flat * math.sin(angle), towards


def across_axis(axis: Vector) -> tuple[Vector, Vector]:
    """Returns two directions of length 1, at right angles to an axis and to each other."""
    x, y, z = axis
    u, v, w = 0.81 * y - 0.5 * z, 0.3 * z - 0.81 * x, 0.5 * x - 0.3 * y
    length = math.sqrt(u * u + v * v + w * w)
    u, v, w = u / length, v / length, w / length
    return (u, v, w), (y * w - z * v, z * u - x * w, x * v - y * u)


@dataclass(frozen=True)
class Spine:
    """An arc in the picture's plane.

    angle: the direction from the end to the stem, radians. bend: the angle of the arc, radians.
    """

    centre: tuple[float, float]
    angle: float
    length: float
    bend: float

    def point(self, share: float) -> tuple[float, float]:
        """Returns the point at a position from -1, at the end, to 1, at the stem."""
        turn = share * self._turn / 2
        radius = self.length / self._turn
        u, v = radius * math.sin(turn), radius * (1 - math.cos(turn))
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return self.centre[0] + u * cos - v * sin, self.centre[1] + u * sin + v * cos

    @property
    def _turn(self) -> float:
        return self.bend if abs(self.bend) > 0.02 else 0.02


def tube(patch: Patch, spine: Spine, profile: NDArray[np.float64]) -> Surface:
    """Returns a round body around a spine.

    profile: its radii at equal steps from the end to the stem.
    """
    outline = np.array([spine.point(share / 4) for share in range(-4, 5)])
    margin = float(profile.max())
    window = patch.around(np.concatenate([outline - margin, outline + margin]), spine.centre)
    cos, sin = np.float32(math.cos(spine.angle)), np.float32(math.sin(spine.angle))
    u = window.x * cos + window.y * sin
    v = window.y * cos - window.x * sin
    turn = spine._turn
    radius = np.float32(spine.length / turn)
    sign = np.float32(math.copysign(1, turn))
    inward = (radius - v) * sign
    reach = np.sqrt(u * u + inward * inward)
    share = np.arctan2(u, inward) * np.float32(2 / abs(turn))  # -1 to 1 between the ends
    offset = (abs(radius) - reach) * sign
    steps = len(profile) - 1
    place = np.clip((share + 1) * np.float32(steps / 2), 0, steps)
    lower = np.minimum(np.floor(place), steps - 1)
    step = lower.astype(np.intp)
    rising = np.diff(profile).astype(np.float32)[step]
    r = profile.astype(np.float32)[step] + rising * (place - lower)
    slope = rising * np.float32(steps / spine.length)
    past = (np.abs(share) - 1) * np.float32(spine.length / 2)
    steep = np.sqrt(1 + slope * slope)
    room = (r - np.abs(offset)) / steep
    coverage = np.clip(np.minimum(room, -past) * np.float32(patch.scale) + 0.5, 0, 1)
    d = np.clip(offset / np.maximum(r, np.float32(1e-3)), -1, 1)
    z = np.sqrt(1 - d * d)
    tangent_u, tangent_v = inward / reach, u / reach * sign
    normal_u, normal_v = -d * tangent_v - slope * tangent_u, d * tangent_u - slope * tangent_v
    nx = (normal_u * cos - normal_v * sin) / steep
    ny = (normal_u * sin + normal_v * cos) / steep
    return Surface(window, coverage, (nx, ny, z / steep), share, np.arcsin(d))
