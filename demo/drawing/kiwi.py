"""Draws a kiwi, whole or cut open; start at `draw_kiwi`."""

from __future__ import annotations

import math

import numpy as np

from .details import draw_star, on_axis
from .light import Light, shade
from .patch import Patch
from .solids import Surface, ellipsoid, tilted
from .texture import Colour, grains, mix, ramp, streaks
from .varieties import Variety


def draw_kiwi(
    patch: Patch, variety: Variety, rng: np.random.Generator, light: Light, angle: float
) -> None:
    """Draws a whole kiwi, brown and furry, or a half."""
    if rng.uniform() < 0.25 + 0.3 * variety.trait:
        _cut_kiwi(patch, variety, rng, light, angle)
        return
    axis = tilted(angle, rng.uniform(-0.15, 0.6))
    long = 0.9
    body = ellipsoid(patch, (0, 0), axis, long / (1.2 * variety.stretch), long)
    fuzz = body.noise(rng, 0.03)
    skin = mix(
        variety.ground, variety.blush, variety.share + body.noise(rng, 0.15) * 0.4 + fuzz * 0.3
    )
    skin = mix(skin, (110, 150, 175), np.clip(fuzz - 0.7, 0, 1) * 0.4)
    body = body.bumped(fuzz, 0.22)
    coverage = np.clip(body.coverage * (1 + 0.25 * fuzz * (1 - body.normal[2])), 0, 1)
    patch.lay(body.window, shade(body, skin, light, gloss=0.05, sharpness=8), coverage)
    pole = on_axis(axis, long * 0.95)
    draw_star(patch, pole, axis, 0.085, 7, (45, 65, 85), 0.7)


def _cut_kiwi(
    patch: Patch, variety: Variety, rng: np.random.Generator, light: Light, angle: float
) -> None:
    """Draws a half; its cut face points toward the viewer."""
    lean = rng.uniform(0.72, 0.97)
    axis = tilted(angle, lean)
    radius = 0.82
    back = (-axis[0] * 0.14, -axis[1] * 0.14)
    shell = ellipsoid(patch, back, axis, radius, radius * 0.9)
    fuzz = shell.noise(rng, 0.03)
    skin = mix(variety.ground, variety.blush, variety.share + fuzz * 0.3)
    patch.lay(shell.window, shade(shell.bumped(fuzz, 0.2), skin, light, gloss=0.05), shell.coverage)
    face = ellipsoid(patch, (0, 0), axis, radius, 0.01)
    window = face.window
    x, y = np.broadcast_arrays(window.x, window.y)
    cos, sin = math.cos(angle), math.sin(angle)
    u, v = (x * cos + y * sin) / axis[2], y * cos - x * sin
    out = np.sqrt(u * u + v * v) / np.float32(radius)
    way = np.arctan2(v, u)
    flesh: Colour = (70, 195, 165) if variety.trait < 0.7 else (75, 205, 225)
    deep: Colour = (45, 160, 120) if variety.trait < 0.7 else (55, 175, 205)
    rays = streaks(rng, way, 60)
    colour = mix(deep, flesh, 0.45 + rays * 0.55 - (out - 0.55) * 0.6)
    heart = np.hypot(u, v * 1.15) / np.float32(radius) + rays * 0.02
    colour = mix(colour, (185, 235, 230), ramp(0.34 - heart, 0.05))
    count = int(rng.integers(26, 34))
    cell = (way / (2 * math.pi) + 0.5) * count
    near = np.abs(cell - np.floor(cell) - 0.5) / count * 2 * math.pi * out
    ring = 0.43 + 0.05 * np.sin(np.floor(cell) * 2.4)
    seed = ramp(1 - np.hypot(near / 0.045, (out - ring) / 0.085), 0.5)
    colour = mix(colour, (28, 32, 35), seed)
    colour = mix(colour, (95, 145, 130), ramp(out - 0.93, 0.03))
    flat = Surface(window, face.coverage, tuple(np.full_like(out, c) for c in axis), out, way)  # type: ignore[arg-type]
    lit = shade(
        flat.bumped(rays + 0.3 * grains(rng, out.shape, 2), 0.05),
        colour,
        light,
        gloss=0.18,
        sharpness=12,
    )
    patch.lay(
        window,
        np.clip(lit * np.float32(1.12), 0, 1),
        ramp(1 - out, 2 / (radius * patch.scale)) * (out < 1),
    )
