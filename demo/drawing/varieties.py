"""The varieties of each kind of fruit; start at `variety`."""

from __future__ import annotations

import functools
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .texture import Colour


@dataclass(frozen=True)
class Variety:
    """The properties that all fruits of one variety share.

    ground and blush: the two colours of the skin, BGR. share: the blush's part of the skin, 0 to 1.
    stretch: length / width, about 1. bend: of long fruits, about 1. trait: 0 to 1; each kind uses
    it differently (the number of bananas in a hand, the chance that a kiwi is cut).
    """

    kind: str
    ground: Colour
    blush: Colour
    share: float
    stretch: float
    bend: float
    trait: float


# Ground and blush of well-known varieties, between which others lie, and the blush's share
_SKINS: dict[str, tuple[tuple[Colour, Colour, float], ...]] = {
    "apple": (
        ((70, 195, 150), (85, 205, 180), 0.3),  # Granny Smith
        ((95, 215, 228), (80, 175, 230), 0.3),  # Golden Delicious
        ((85, 190, 215), (45, 45, 190), 0.6),  # Gala
        ((60, 70, 185), (40, 25, 140), 0.8),  # Red Delicious
        ((100, 205, 200), (60, 45, 205), 0.45),  # Braeburn
    ),
    "aubergine": (
        ((62, 24, 58), (48, 18, 40), 0.5),  # Black Beauty
        ((110, 40, 105), (60, 22, 58), 0.4),  # Violetta
        ((150, 70, 150), (225, 205, 225), 0.5),  # Listada, striped
    ),
    "banana": (
        ((75, 215, 248), (60, 190, 235), 0.4),  # Cavendish
        ((85, 210, 215), (80, 195, 180), 0.5),  # picked green
        ((70, 200, 240), (45, 110, 160), 0.5),  # ripe, freckled
    ),
    "cherry": (
        ((40, 25, 150), (25, 15, 95), 0.5),  # Bing
        ((45, 35, 205), (30, 25, 160), 0.4),  # Montmorency
        ((90, 150, 235), (55, 50, 210), 0.6),  # Rainier
    ),
    "kiwi": (
        ((62, 98, 135), (50, 80, 110), 0.5),  # Hayward
        ((75, 115, 150), (70, 95, 120), 0.3),  # gold
    ),
    "lemon": (
        ((70, 225, 250), (60, 205, 245), 0.4),  # Eureka
        ((80, 225, 240), (90, 215, 222), 0.5),  # early
    ),
    "orange": (
        ((25, 140, 248), (20, 120, 240), 0.4),  # Valencia
        ((30, 115, 238), (30, 85, 220), 0.5),  # blood orange
        ((45, 165, 250), (35, 145, 245), 0.4),  # clementine
    ),
    "tomato": (
        ((40, 45, 222), (35, 40, 200), 0.4),  # beefsteak
        ((45, 75, 232), (40, 50, 220), 0.5),  # vine
        ((45, 45, 175), (40, 55, 120), 0.4),  # Black Krim
    ),
}


KINDS = tuple(_SKINS)


# the size of a patch relative to an apple's, and the part of it that the fruit fills
SIZES = {
    "apple": 1.0,
    "aubergine": 1.75,
    "banana": 1.65,
    "cherry": 0.8,
    "kiwi": 0.82,
    "lemon": 0.95,
    "orange": 1.0,
    "tomato": 0.95,
}


@functools.cache
def variety(kind: str, number: int) -> Variety:
    """Returns a kind's variety with a number: the same in every process and release.

    Raises:
        KeyError: `kind` is not in KINDS.
    """
    skins = _SKINS[kind]
    rng = np.random.default_rng([zlib.crc32(kind.encode()), number])
    one, other = rng.permutation(len(skins))[:2]
    between = rng.uniform(0, 0.25)
    tint = rng.normal(1, 0.05, 3)
    ground, blush = (
        _colour((np.array(a) * (1 - between) + np.array(b) * between) * tint)
        for a, b in zip(skins[one][:2], skins[other][:2], strict=True)
    )
    share = skins[one][2] * (1 - between) + skins[other][2] * between
    return Variety(
        kind,
        ground,
        blush,
        float(np.clip(share + rng.normal(0, 0.12), 0.05, 0.95)),
        float(rng.uniform(0.9, 1.12)),
        float(rng.uniform(0.6, 1.4)),
        float(rng.uniform()),
    )


def _colour(values: NDArray[np.float64]) -> Colour:
    blue, green, red = (float(np.clip(value, 5, 252)) for value in values)
    return blue, green, red
