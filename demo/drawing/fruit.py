"""Draws one fruit: `draw`.

A picture is a pure function of a variety, a numpy Generator and a light.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .kiwi import draw_kiwi
from .light import Light
from .long_fruit import draw_aubergine, draw_banana, draw_lemon
from .patch import Patch
from .round_fruit import draw_apple, draw_cherry, draw_orange, draw_tomato
from .varieties import Variety

_DRAW: dict[str, Callable[[Patch, Variety, np.random.Generator, Light, float], None]] = {
    "apple": draw_apple,
    "aubergine": draw_aubergine,
    "banana": draw_banana,
    "cherry": draw_cherry,
    "kiwi": draw_kiwi,
    "lemon": draw_lemon,
    "orange": draw_orange,
    "tomato": draw_tomato,
}


def draw(
    what: Variety,
    rng: np.random.Generator,
    pixels: int,
    light: Light | None = None,
    turn: float | None = None,
) -> NDArray[np.uint8]:
    """One fruit on a see-through square, `(pixels, pixels, 4)` uint8 BGRA.

    Args:
        what: its variety.
        rng: decides on what differs between two fruits of a variety.
        pixels: the side of the square.
        light: the lamp; None for the usual one.
        turn: where its stem points in the picture, radians from the right, clockwise; None for
            anywhere.
    """
    patch = Patch(pixels)
    angle = float(rng.uniform(0, 2 * math.pi)) if turn is None else turn
    _DRAW[what.kind](patch, what, rng, light or Light(), angle)
    return patch.pixels()
