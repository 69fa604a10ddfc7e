"""Computes the colours of a lit body; start at `shade`."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .solids import Surface, Vector
from .texture import Colour, Plane, Planes, as_planes


@dataclass(frozen=True)
class Light:
    """One distant lamp, and the sky and the table that reflect its light.

    direction: toward the lamp, length 1. strength: of the lamp. ambient: of all other light.
    bounce: the table's colour.
    """

    direction: Vector = (-0.42, -0.64, 0.64)
    strength: float = 0.85
    ambient: float = 0.34
    bounce: Colour = (120, 150, 175)


def shade(
    surface: Surface,
    albedo: Planes | Colour,
    light: Light,
    *,
    gloss: float = 0.3,
    sharpness: float = 40,
    occlusion: Plane | None = None,
) -> Planes:
    """Returns the colours of a lit surface, `(3, h, w)` from 0 to 1.

    They are the sum of Lambert's law, softened beyond the shadow's edge as by light inside the
    flesh; Blinn's highlight (1977); a reflection of the sky that grows toward the edge (Schlick,
    1994); ambient light from the sky above and the table below. Light adds up linearly, so colours
    are squared first, and the square root at the end approximates a screen's gamma.

    Args:
        surface: the body.
        albedo: `(3, h, w)` or one colour, BGR from 0 to 255.
        light: the lamp.
        gloss: how strongly the skin reflects. sharpness: the larger, the smaller the highlight.
        occlusion: `(h, w)` from 0 to 1, the share of the light that arrives.
    """
    nx, ny, nz = surface.normal
    lx, ly, lz = (np.float32(value) for value in light.direction)
    facing = nx * lx + ny * ly + nz * lz
    diffuse = np.maximum((facing + np.float32(0.18)) / np.float32(1.18), 0) * light.strength
    up = np.float32(0.5) - np.float32(0.5) * ny
    half = np.array([lx, ly, lz + 1.0])
    hx, hy, hz = (half / np.linalg.norm(half)).astype(np.float32)
    mirror = np.maximum(nx * hx + ny * hy + nz * hz, 0)
    cv2.pow(mirror, sharpness, mirror)
    edge = np.maximum(1 - nz, 0)
    shine = gloss * (mirror * light.strength + np.float32(0.35) * edge * edge * edge * up)
    skin = as_planes(albedo) / 255
    bounce = as_planes(light.bounce) / 255
    lamp = diffuse + light.ambient * (np.float32(0.45) + np.float32(0.75) * up)
    below = np.float32(0.4) * light.ambient * (1 - up)
    if occlusion is not None:
        lamp, below = lamp * occlusion, below * occlusion
    lit = below * (bounce * bounce)
    lit += lamp
    lit *= skin
    lit *= skin
    lit += shine
    return np.sqrt(np.clip(lit, 0, 1, out=lit), out=lit)
