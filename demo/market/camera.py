"""The light on a scene, and a camera's effects; start at `daylight` and `photograph`."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ..drawing.light import Light
from ..drawing.texture import grains

_BLURS = (0.45, 0.3, 0.17, 0.08)


def daylight(rng: np.random.Generator) -> Light:
    """Returns a random lamp above the scene, hard or soft."""
    x, y, z = rng.normal(0, 0.5), -abs(rng.normal(0.6, 0.2)), rng.uniform(0.4, 0.9)
    length = math.sqrt(x * x + y * y + z * z)
    hardness = rng.uniform(0.55, 1.0)
    tone = rng.uniform(60, 190, 3)
    return Light(
        (x / length, y / length, z / length),
        float(0.35 + 0.6 * hardness),
        float(0.7 - 0.42 * hardness),
        (float(tone[0]), float(tone[1]), float(tone[2])),
    )


def photograph(
    rng: np.random.Generator, canvas: NDArray[np.float32], light: Light
) -> NDArray[np.uint8]:
    """Adds a camera's effects: the light's colour and fall-off, blur, exposure, noise."""
    height, width = canvas.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    slant = rng.uniform(0, 0.16)
    glow = 1 + slant * (x * light.direction[0] + y * light.direction[1])
    glow *= 1 - rng.uniform(0, 0.3) * (x * x + y * y) / 2
    if rng.uniform() < 0.25:  # the dappled shade of a tree or an awning
        glow *= 1 - 0.35 * np.clip(grains(rng, (height, width), height / 4), 0, 1)
    warmth = rng.normal(0, 0.06)
    white = np.array([1 - warmth, 1 + rng.normal(0, 0.015), 1 + warmth]) * rng.uniform(0.8, 1.3)
    picture = canvas * glow[:, :, np.newaxis] * white.astype(np.float32)
    unit = height / 480
    if rng.uniform() < 0.15:
        picture = _motion_blurred(rng, picture, rng.uniform(2, 6) * unit)
    picture = cv2.GaussianBlur(picture, (0, 0), unit * rng.choice([0.45, 0.7, 1.1, 1.8], p=_BLURS))
    picture = cv2.pow(np.clip(picture, 0, 255) / 255, rng.uniform(0.85, 1.2)) * 255
    picture += rng.standard_normal(picture.shape, np.float32) * np.float32(rng.uniform(0.5, 6))
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def _motion_blurred(
    rng: np.random.Generator, picture: NDArray[np.float32], reach: float
) -> NDArray[np.float32]:
    """Blurs along a line, as by a moving hand."""
    side = 2 * math.ceil(reach / 2) + 1
    kernel = np.zeros((side, side), np.float32)
    angle = rng.uniform(0, math.pi)
    arm = np.array([math.cos(angle), math.sin(angle)]) * reach / 2
    middle = side // 2
    ends = [tuple((middle + sign * arm).round().astype(int).tolist()) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.float32)
