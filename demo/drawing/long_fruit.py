"""Draws fruit along a spine: aubergine, banana, lemon."""

from __future__ import annotations

import math

import numpy as np

from .details import draw_disc
from .light import Light, shade
from .patch import Patch
from .solids import Spine, tube
from .texture import mix, ramp
from .varieties import Variety


def draw_aubergine(
    patch: Patch, variety: Variety, rng: np.random.Generator, light: Light, angle: float
) -> None:
    """Draws an aubergine with its green cap; some varieties are striped."""
    t = np.linspace(-1, 1, 64)
    fat = 0.44 / variety.stretch
    thin = fat * (0.42 + 0.35 * variety.trait)
    swell = thin + (fat - thin) / (1 + np.exp((t + 0.05) * 4.5))
    profile = swell * np.sqrt(np.clip(1 - ((-t - 0.45) / 0.55).clip(0) ** 2, 0, 1))
    profile = profile * np.sqrt(np.clip(1 - ((t - 0.72) / 0.22).clip(0) ** 2, 0, 1))
    profile = np.maximum(profile, 0.075 * (t > 0.8))
    spine = Spine((0, 0), angle, 1.86, rng.normal(0, 0.22) + 0.25 * (variety.bend - 1))
    body = tube(patch, spine, profile)
    skin = mix(variety.ground, variety.blush, variety.share - 0.2 + body.noise(rng, 0.3) * 0.3)
    if variety.blush[2] > 100:
        stripes = np.sin(body.around * 9 + body.noise(rng, 0.2) * 1.5) + body.noise(rng, 0.06) * 0.5
        skin = mix(variety.ground, variety.blush, stripes * 0.8 * variety.share)
    patch.lay(body.window, shade(body, skin, light, gloss=0.6, sharpness=48), body.coverage)
    zigzag = np.abs(((body.around / math.pi * 2.5 + rng.uniform()) % 1) - 0.5) * 2
    edge = 0.40 + 0.24 * zigzag
    cap = ramp(body.along - edge, 0.03)
    rim = ramp(body.along - edge + 0.05, 0.05) * 0.4
    lifted = body.bumped(cap, 0.03 * patch.scale).bumped(body.noise(rng, 0.05), 0.05)
    green = mix((60, 120, 88), (75, 150, 115), body.along + body.noise(rng, 0.1) * 0.6)
    green = mix(green, (70, 110, 120), ramp(body.along - 0.93, 0.05))
    patch.lay(body.window, np.zeros_like(skin) + np.float32(0.04), body.coverage * rim)
    patch.lay(
        body.window, shade(lifted, green, light, gloss=0.1, sharpness=12), body.coverage * cap
    )


def draw_banana(
    patch: Patch, variety: Variety, rng: np.random.Generator, light: Light, angle: float
) -> None:
    """Draws one banana, or a hand of up to four that are joined at the stem."""
    fingers = 1 + int(variety.trait * 2.2 + rng.uniform(0, 1.2))
    side = -1.0 if rng.uniform() < 0.5 else 1.0
    bend = side * 1.15 * variety.bend
    for finger in range(fingers):
        fan = (finger - (fingers - 1) / 2) * 0.23 * side
        stem = (0.72 * math.cos(angle), 0.72 * math.sin(angle))
        turn = angle + fan
        length = 1.62 * rng.uniform(0.95, 1.04)
        spine = Spine((0, 0), turn, length, bend * rng.uniform(0.9, 1.1))
        end = spine.point(0.98)
        spine = Spine((stem[0] - end[0], stem[1] - end[1]), turn, length, spine.bend)
        _finger(patch, variety, rng, light, spine)


def _finger(
    patch: Patch, variety: Variety, rng: np.random.Generator, light: Light, spine: Spine
) -> None:
    t = np.linspace(-1, 1, 64)
    thick = 0.215 / math.sqrt(variety.stretch)
    body_end = np.sqrt(1 - (1 - np.clip((t + 1) / 0.7, 0, 1)) ** 2) ** 0.8
    neck = 1 / (1 + np.exp((t - 0.66) * 16))
    profile = np.maximum(thick * body_end * neck, 0.055 + 0.012 * (t > 0.9))
    profile = profile * np.sqrt(np.clip((t + 1.0) / 0.02, 0.3, 1))
    body = tube(patch, spine, profile)
    ridge = np.sin(body.around * 2.5 + rng.uniform(-0.6, 0.6))
    green = np.clip((body.along - 0.45) * 1.6, 0, 0.7) + np.clip((-0.75 - body.along) * 1.5, 0, 0.4)
    freckles = np.clip(body.noise(rng, 0.045) - 1.25 + 0.5 * variety.share, 0, 1)
    skin = mix(variety.ground, variety.blush, (variety.share - 0.35) + body.noise(rng, 0.15) * 0.25)
    skin = mix(skin, (85, 185, 165), green * 0.8)
    skin = mix(skin, (40, 75, 110), freckles * (0.5 if variety.blush[2] < 200 else 0.2))
    skin = mix(skin, (50, 110, 135), np.abs(ridge) ** 24 * 0.25)
    skin = mix(skin, (30, 45, 60), ramp(-0.91 - body.along, 0.04))
    skin = mix(skin, (45, 75, 95), ramp(body.along - 0.92, 0.06) * 0.8)
    nz = body.normal[2]
    # a banana has flat sides, so the normal turns in steps around the spine
    body = body.bumped(ridge, 0.028 * patch.scale)
    patch.lay(
        body.window,
        shade(body, skin, light, gloss=0.14, sharpness=14, occlusion=0.86 + 0.14 * nz),
        body.coverage,
    )


def draw_lemon(
    patch: Patch, variety: Variety, rng: np.random.Generator, light: Light, angle: float
) -> None:
    """Draws a lemon with its two tips."""
    t = np.linspace(-1, 1, 64)
    belly = 0.56 / variety.stretch * np.sqrt(np.maximum(1 - (np.abs(t) / 0.92) ** 2.0, 0))
    nipple = 0.15 * np.sqrt(np.maximum(1 - ((np.abs(t) - 0.72) / 0.28).clip(0) ** 2, 0))
    profile = (belly**3 + nipple**3) ** (1 / 3)
    foreshortened = rng.uniform(0.78, 1.0)
    spine = Spine((0, 0), angle, 1.84 * foreshortened, rng.normal(0, 0.12))
    body = tube(patch, spine, profile)
    skin = mix(variety.ground, variety.blush, variety.share + body.noise(rng, 0.2) * 0.4)
    skin = mix(skin, (70, 190, 190), np.clip((np.abs(body.along) - 0.8) * 2.5, 0, 0.6))
    body = body.bumped(body.noise(rng, 0.04), 0.10)
    patch.lay(body.window, shade(body, skin, light, gloss=0.25, sharpness=24), body.coverage)
    draw_disc(patch, spine.point(0.97), 0.035, (60, 125, 130))
