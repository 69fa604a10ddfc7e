"""Colours and patterns as planes, `(h, w)` float32."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating]  # (h, w)
Planes = NDArray[np.floating]  # (3, h, w): blue, green, red
Colour = tuple[float, float, float]  # blue, green, red from 0 to 255, gamma-encoded


def as_planes(colour: Colour | Planes) -> Planes:
    """Returns a colour as `(3, 1, 1)`; planes are returned unchanged."""
    values = np.asarray(colour, np.float32)
    return values if values.ndim == 3 else values.reshape(3, 1, 1)


def mix(first: Colour | Planes, second: Colour | Planes, share: Plane) -> Planes:
    """Mixes two colours, `(3, h, w)`; `share`, `(h, w)` clipped to 0 to 1, is the second's part."""
    base = as_planes(first)
    mixed: Planes = (as_planes(second) - base) * np.clip(share, 0, 1)
    mixed += base
    return mixed


def grains(rng: np.random.Generator, shape: tuple[int, int], cell: float) -> Plane:
    """Returns smooth noise, `(h, w)`, mean 0, of grains about `cell` pixels wide."""
    rows, columns = (max(2, math.ceil(side / cell) + 1) for side in shape)
    coarse = rng.standard_normal((rows, columns), np.float32)
    soft: Plane = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return soft


def streaks(rng: np.random.Generator, around: Plane, count: int) -> Plane:
    """Returns noise that depends only on the angle around the axis: streaks from pole to pole."""
    values = rng.standard_normal(count).astype(np.float32)
    turns = around * np.float32(1 / (2 * math.pi))
    place = (turns - np.floor(turns)) * count
    lower = np.floor(place)
    step = lower.astype(np.intp)
    values = np.append(values, values[:2])  # wraps around at 2 pi; rounding may reach the end, too
    blended: Plane = values[step] + np.diff(values, append=values[:1])[step] * (place - lower)
    return blended


def ramp(value: Plane, width: float) -> Plane:
    """Returns 0 below 0, 1 above `width`, and a linear rise between."""
    share: Plane = np.clip(value / np.float32(width), 0, 1)
    return share
