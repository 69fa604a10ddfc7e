"""Draws fruit that is round around its stem: apple, cherry, orange, tomato."""

from __future__ import annotations

import math

import numpy as np

from .details import draw_calyx, draw_star, on_axis, toward
from .light import Light, shade
from .patch import Patch, curve
from .solids import Surface, ellipsoid, tilted
from .texture import Colour, Plane, mix, streaks
from .varieties import Variety

_STALK: Colour = (40, 75, 105)


def draw_apple(
    patch: Patch, variety: Variety, rng: np.random.Generator, light: Light, angle: float
) -> None:
    """Draws an apple: two colours that run from pole to pole, and a stalk in its dimple."""
    axis = tilted(angle, rng.uniform(0.25, 0.85))
    body = ellipsoid(patch, (0, 0), axis, 0.86, 0.86 * (0.93 * variety.stretch))
    polar = _from_stem(body)
    uneven = streaks(rng, body.around, 40) * 0.35 + body.noise(rng, 0.12) * 0.2
    sunny = np.cos(body.around - rng.uniform(0, 6.28)) * 0.3
    about_stem = np.exp(-((polar / 0.4) ** 2))
    blush = 4.2 * variety.share - 1.4 + uneven + sunny - 0.5 * about_stem
    skin = mix(variety.ground, variety.blush, blush)
    dots = np.clip(body.noise(rng, 0.035) - 1.1, 0, 1)
    skin = mix(skin, (150, 205, 225), dots * 0.5)
    skin = mix(skin, (70, 120, 135), np.exp(-((polar / 0.22) ** 2)) * 0.75)
    dimple = np.exp(-((polar / 0.36) ** 2))
    body = body.bumped(-dimple, 0.3 * patch.scale)
    patch.lay(
        body.window,
        shade(body, skin, light, gloss=0.32, sharpness=38, occlusion=1 - 0.6 * dimple),
        body.coverage,
    )
    pole = on_axis(axis, 0.74 * variety.stretch)
    tip = axis[0] + rng.normal(0, 0.3), axis[1] - 0.45 * axis[2]
    reach = min(rng.uniform(0.24, 0.36), 0.93 - math.hypot(*pole))
    patch.stroke(curve(pole, toward(pole, tip, reach), rng.normal(0, 0.05)), 0.075, _STALK, 1.25)


def draw_cherry(
    patch: Patch, variety: Variety, rng: np.random.Generator, light: Light, angle: float
) -> None:
    """Draws one to three cherries; their stalks join in a knot."""
    count = int(rng.choice([1, 2, 2, 2, 3]))
    knot = (0.84 * math.cos(angle), 0.84 * math.sin(angle))
    radius = 0.37 if count < 3 else 0.32
    away = 0.4 if count < 3 else 0.37
    spread = {1: (0.0,), 2: (-0.36, 0.36), 3: (-0.47, 0.02, 0.45)}[count]
    cos, sin = math.cos(angle), math.sin(angle)
    for place in spread:
        u, v = (
            -away - rng.uniform(-0.06, 0.06) - (0.12 if place == 0.02 else 0),
            place + rng.normal(0, 0.02),
        )
        centre = (u * cos - v * sin, u * sin + v * cos)
        to_knot = math.atan2(knot[1] - centre[1], knot[0] - centre[0])
        axis = tilted(to_knot + rng.normal(0, 0.2), rng.uniform(0.2, 0.55))
        body = ellipsoid(patch, centre, axis, radius, radius * (0.92 * variety.stretch))
        polar = _from_stem(body)
        skin = mix(variety.ground, variety.blush, variety.share + body.noise(rng, 0.3) * 0.4)
        dimple = np.exp(-((polar / 0.34) ** 2))
        body = body.bumped(-dimple, 0.055 * patch.scale)
        patch.lay(
            body.window,
            shade(body, skin, light, gloss=0.75, sharpness=90, occlusion=1 - 0.5 * dimple),
            body.coverage,
        )
        pole = on_axis(axis, radius * 0.82 * variety.stretch)
        root = (centre[0] + pole[0], centre[1] + pole[1])
        patch.stroke(curve(root, knot, rng.normal(0, 0.025)), 0.05, (75, 150, 125), 1.3)
    patch.stroke([knot, (knot[0] + 0.08 * cos, knot[1] + 0.08 * sin)], 0.085, (55, 100, 115))


def draw_orange(
    patch: Patch, variety: Variety, rng: np.random.Generator, light: Light, angle: float
) -> None:
    """Draws an orange with its pores and its navel."""
    axis = tilted(angle, rng.uniform(0.1, 0.8))
    body = ellipsoid(patch, (0, 0), axis, 0.88, 0.88 * (0.96 + 0.3 * (variety.stretch - 1)))
    polar = _from_stem(body)
    skin = mix(variety.ground, variety.blush, variety.share + body.noise(rng, 0.25) * 0.4)
    skin = mix(skin, variety.blush, np.exp(-((polar / 0.25) ** 2)) * 0.4)
    body = body.bumped(body.noise(rng, 0.035), 0.11)
    body = body.bumped(-np.exp(-((polar / 0.2) ** 2)), 0.05 * patch.scale)
    patch.lay(body.window, shade(body, skin, light, gloss=0.22, sharpness=22), body.coverage)
    pole = on_axis(axis, 0.86)
    if axis[2] > 0.05:
        draw_star(patch, pole, axis, 0.09, 5, (75, 125, 110), 0.5)
        draw_star(patch, pole, axis, 0.045, 6, (70, 110, 130), 0.8)


def draw_tomato(
    patch: Patch, variety: Variety, rng: np.random.Generator, light: Light, angle: float
) -> None:
    """Draws a tomato, ribbed around its green star."""
    axis = tilted(angle, rng.uniform(0.3, 0.9))
    tall = 0.9 * (0.82 + 0.9 * (variety.stretch - 1))
    body = ellipsoid(patch, (0, 0), axis, 0.9, tall)
    polar = _from_stem(body)
    lobes = np.cos(body.around * round(4 + variety.trait * 3) + rng.uniform(0, 6.28))
    skin = mix(variety.ground, variety.blush, variety.share + body.noise(rng, 0.3) * 0.35)
    shoulder = np.exp(-((polar / 0.55) ** 2))
    skin = mix(skin, (50, 110, 215), shoulder * 0.35)
    body = body.bumped(lobes * shoulder, 0.045 * patch.scale * (0.4 + variety.trait))
    dimple = np.exp(-((polar / 0.28) ** 2))
    body = body.bumped(-dimple, 0.07 * patch.scale)
    patch.lay(
        body.window,
        shade(body, skin, light, gloss=0.55, sharpness=70, occlusion=1 - 0.4 * dimple),
        body.coverage,
    )
    if axis[2] > 0:
        points = int(rng.integers(5, 7))
        start = rng.uniform(0, 6.28)
        reach = rng.uniform(0.5, 0.68)
        for tone, shift in (((20, 30, 60), 0.035), ((55, 120, 62), 0.0), ((75, 155, 90), -0.02)):
            draw_calyx(
                patch,
                axis,
                (0.9, tall),
                points,
                start,
                reach * (1 if shift >= 0 else 0.7),
                tone,
                shift,
            )
        pole = on_axis(axis, tall * 0.97)
        tip = (
            pole[0] + axis[0] * 0.16 + rng.normal(0, 0.03),
            pole[1] + axis[1] * 0.16 - 0.12 * axis[2],
        )
        patch.stroke(curve(pole, tip, 0.02), 0.085, (70, 145, 90))


def _from_stem(body: Surface) -> Plane:
    """Returns the angle from the stem at every pixel, in radians."""
    return np.arccos(np.clip(body.along, -1, 1))
