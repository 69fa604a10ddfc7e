"""Draws one fruit; start at `draw`.

The picture depends only on the variety, the numpy Generator, the size, the light and the angle.
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
    variety: Variety,
    rng: np.random.Generator,
    pixels: int,
    light: Light | None = None,
    turn: float | None = None,
) -> NDArray[np.uint8]:
    """Draws one fruit on a transparent square, `(pixels, pixels, 4)` uint8 BGRA.

    Args:
        variety: the fruit's variety.
        rng: decides the differences between two fruits of a variety.
        pixels: the side of the square.
        light: the lamp; None for the default one.
        turn: the stem's direction in the picture, radians from the right, clockwise; None for a
            random one.
    """
    patch = Patch(pixels)
    angle = float(rng.uniform(0, 2 * math.pi)) if turn is None else turn
    _DRAW[variety.kind](patch, variety, rng, light or Light(), angle)
    return patch.pixels()
