"""Draws a stall's other things: tables, crates, baskets, plates, price tags, leaves.

Surfaces are `(h, w, 3)` float32 BGR from 0 to 255; things are sprites, `(h, w, 4)` uint8 BGRA.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ..drawing.texture import Colour, grains

Sprite = NDArray[np.uint8]
Ground = NDArray[np.floating]

_WOODS: tuple[Colour, ...] = ((95, 140, 180), (70, 105, 145), (120, 165, 200), (60, 80, 100))
_CLOTHS: tuple[Colour, ...] = (
    (60, 55, 190),
    (150, 95, 50),
    (85, 130, 60),
    (215, 222, 225),
    (60, 60, 65),
    (110, 170, 205),
    (160, 120, 150),
)


def table(rng: np.random.Generator, width: int, height: int) -> Ground:
    """Draws a table top: planks, a cloth, paper, a grass mat or slate."""
    kind = rng.choice(["planks", "cloth", "check", "paper", "grass", "slate"], p=_TABLES)
    shape = (height, width)
    if kind == "planks":
        return _planks(rng, width, height)
    if kind == "paper":
        tone = np.array([150, 185, 208]) * rng.uniform(0.85, 1.1)
        fibre = grains(rng, shape, 1.5) * 3 + grains(rng, shape, 40) * 4
        return _tinted(tone, fibre)
    if kind == "grass":
        blades = cv2.resize(grains(rng, (height // 5 + 1, width), 1.5), (width, height))
        return _tinted(np.array([55, 125, 75]) * rng.uniform(0.7, 1.1), blades * 28)
    if kind == "slate":
        stone = grains(rng, shape, 60) * 7 + grains(rng, shape, 3) * 3
        return _tinted(np.array([70, 66, 62]) * rng.uniform(0.7, 1.5), stone)
    return _cloth(rng, width, height, checked=kind == "check")


_TABLES = (0.34, 0.18, 0.16, 0.14, 0.08, 0.10)


def backdrop(rng: np.random.Generator, width: int, height: int) -> Ground:
    """Draws the background behind the stall, out of focus: people, awnings, lamps."""
    small = (max(4, height // 8), max(4, width // 8))
    tone = _muted(rng, 60, 190)
    picture = np.tile(tone.astype(np.float32), (*small, 1))
    if rng.uniform() < 0.5:
        stripes = (np.arange(small[1]) // rng.integers(3, 8)) % 2
        picture[:, stripes == 1] = _muted(rng, 60, 240)
    for _ in range(int(rng.integers(4, 12))):
        at = (int(rng.integers(small[1])), int(rng.integers(small[0])))
        size = (int(rng.integers(2, 8)), int(rng.integers(2, 12)))
        cv2.ellipse(picture, at, size, 0, 0, 360, _muted(rng, 20, 230).tolist(), -1)
    picture = cv2.GaussianBlur(picture, (0, 0), 1.6)
    picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.integers(0, 7))):
        disc = np.zeros((height, width), np.float32)
        at = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(disc, at, int(rng.integers(4, 16)) * height // 100 + 3, 1.0, -1, cv2.LINE_AA)
        glow = np.array([190, 225, 250]) * rng.uniform(0.7, 1)
        picture += disc[:, :, np.newaxis] * rng.uniform(0.15, 0.5) * (glow - picture)
    return np.asarray(picture.clip(0, 255), np.float32)


def crate(rng: np.random.Generator, width: int, height: int) -> tuple[Sprite, Sprite]:
    """Draws a wooden crate from above: the crate, and its front boards, which hide fruit.

    The front is as wide as the crate, and a fifth of its height at the bottom.
    """
    wood = _wood(rng, width, height, _WOODS[int(rng.integers(len(_WOODS)))])
    rim = max(3, width // 26)
    lining = np.array(_CLOTHS[int(rng.integers(len(_CLOTHS)))]) * 0.75
    if rng.uniform() < 0.5:
        lining = np.array([55, 80, 105]) * rng.uniform(0.5, 0.9)
    inside = _tinted(
        lining, grains(rng, (height, width), 4) * 6 + grains(rng, (height, width), 25) * 8
    )
    depth = np.minimum(np.arange(height)[:, np.newaxis], np.arange(width)[np.newaxis])
    depth = np.minimum(depth, width - 1 - np.arange(width)[np.newaxis])
    inside *= np.clip(0.35 + 0.65 * depth / (0.22 * height), 0, 1)[:, :, np.newaxis]
    inner = (slice(rim, height - rim), slice(rim, width - rim))
    wood[inner] = inside[inner]
    board = max(4, height // 5)
    front = _wood(rng, width, board, _WOODS[int(rng.integers(len(_WOODS)))])
    gap = max(1, board // 14)
    front[:gap] *= 1.15
    front[board // 2 : board // 2 + gap] *= 0.35
    for x in (rim, width - rim):
        for y in (board // 4, 3 * board // 4):
            cv2.circle(front, (x, y), max(1, rim // 4), (60, 60, 62), -1, cv2.LINE_AA)
    return _opaque(wood), _opaque(front)


def basket(rng: np.random.Generator, width: int, height: int) -> tuple[Sprite, Sprite]:
    """Draws a round basket: its inside, and the wickerwork in front, which hides fruit.

    Both sprites are as large as the whole basket.
    """
    tone = np.array([85, 135, 175]) * rng.uniform(0.7, 1.15)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    pitch = max(4.0, width / 26)
    row = np.floor(y / (pitch * 0.7))
    weave = np.sin(x / pitch * math.pi + (row % 2) * math.pi)
    relief = weave * 26 + np.sin(y / (pitch * 0.7) * 2 * math.pi) * 18
    wicker = _tinted(tone, relief + grains(rng, (height, width), 2) * 5)
    mouth = (int(width / 2), int(height * 0.42)), (int(width * 0.485), int(height * 0.4))
    inside, outside, lip = (np.zeros((height, width), np.uint8) for _ in range(3))
    cv2.ellipse(inside, *mouth, 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.ellipse(lip, *mouth, 0, 0, 360, 255, max(2, width // 30), cv2.LINE_AA)
    base = (mouth[0][0], int(height * 0.62)), (int(width * 0.42), int(height * 0.36))
    cv2.ellipse(outside, *base, 0, 0, 360, 255, -1, cv2.LINE_AA)
    outside[: mouth[0][1]] = 0
    cv2.ellipse(outside, *mouth, 0, 0, 360, 0, -1, cv2.LINE_AA)
    rim = cv2.max(lip, inside)
    back = _sprite(wicker * np.where(lip > 0, 1.0, 0.38)[:, :, np.newaxis], rim)
    shade = np.clip(1.15 - np.abs(x / width - 0.5) * 0.9, 0, 1)[:, :, np.newaxis]
    lip[: mouth[0][1]] = 0
    return back, _sprite(wicker * shade, cv2.max(outside, lip))


def plate(rng: np.random.Generator, width: int, height: int) -> Sprite:
    """Draws a plate or a paper tray, seen at an angle."""
    tone = rng.uniform(170, 240) * np.array([1, 1, 1]) + rng.normal(0, 12, 3)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    out = np.hypot(x, y)
    relief = np.where(np.abs(out - 0.74) < 0.03, -22, 0) + 14 * (-x - y) * (out > 0.74)
    mask = (np.clip((1 - out) * height / 2, 0, 1) * 255).astype(np.uint8)
    return _sprite(_tinted(tone, relief.astype(np.float32)), mask)


def tag(rng: np.random.Generator, width: int) -> Sprite:
    """Draws a price tag, slightly rotated."""
    height = int(width * rng.uniform(0.5, 0.68))
    dark = rng.uniform() < 0.25
    paper = rng.uniform(25, 55, 3) if dark else np.array([225, 238, 242]) * rng.uniform(0.9, 1.03)
    ink = (225, 235, 235) if dark else rng.uniform(10, 90, 3).tolist()
    card = _tinted(paper, grains(rng, (height, width), 3) * 2).astype(np.uint8)
    price = f"{rng.integers(0, 6)}.{rng.integers(0, 10)}0"
    scale = width / 86
    thick = max(1, round(scale * 2))
    font = cv2.FONT_HERSHEY_COMPLEX_SMALL
    cv2.putText(
        card, price, (int(width * 0.1), int(height * 0.7)), font, scale, ink, thick, cv2.LINE_AA
    )
    edge = max(1, width // 40)
    cv2.rectangle(card, (edge, edge), (width - 1 - edge, height - 1 - edge), ink, max(1, edge // 2))
    return _rotated(_opaque(card), rng.normal(0, 7))


def leaf(rng: np.random.Generator, length: int) -> Sprite:
    """Draws a green leaf with its veins."""
    side = length
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
    bow = rng.normal(0, 0.12)
    middle = y - bow * (1 - x * x)
    half = rng.uniform(0.28, 0.45) * np.clip(1 - x * x, 0, 1) ** 0.8 * (1 - 0.25 * x)
    mask = (np.clip((half - np.abs(middle)) * side / 2, 0, 1) * 255).astype(np.uint8)
    vein = np.abs(middle) < 1.5 / side
    side_veins = np.sin((x - np.abs(middle) * 0.9) * 26) > 0.93
    relief = np.where(vein | side_veins, 26, 0) + np.sign(middle) * 12 + x * 10
    tone = np.array([55, 115, 60]) * rng.uniform(0.6, 1.25) + rng.normal(0, 8, 3)
    return _rotated(_sprite(_tinted(tone, relief.astype(np.float32)), mask), rng.uniform(0, 360))


def _planks(rng: np.random.Generator, width: int, height: int) -> Ground:
    wood = _WOODS[int(rng.integers(len(_WOODS)))]
    upright = rng.uniform() < 0.3
    if upright:
        width, height = height, width
    rows: list[Ground] = []
    left = height
    while left > 0:
        deep = min(left, int(height * rng.uniform(0.12, 0.24)) + 4)
        board = _wood(rng, width, deep, wood) * np.float32(rng.uniform(0.86, 1.1))
        board[-max(1, height // 220) :] *= 0.4
        rows.append(board)
        left -= deep
    planks = np.vstack(rows)
    return np.ascontiguousarray(planks.transpose(1, 0, 2)) if upright else planks


def _cloth(rng: np.random.Generator, width: int, height: int, *, checked: bool) -> Ground:
    tone = np.array(_CLOTHS[int(rng.integers(len(_CLOTHS)))], np.float32)
    tone = (tone * rng.uniform(0.8, 1.1)).astype(np.float32)
    cloth = np.tile(tone, (height, width, 1))
    if checked or rng.uniform() < 0.3:
        pitch = int(height * rng.uniform(0.05, 0.13)) + 2
        rows = (np.arange(height) // pitch % 2)[:, np.newaxis]
        columns = (np.arange(width) // pitch % 2)[np.newaxis]
        white = ((rows + columns) / 2 if checked else rows + 0 * columns)[:, :, np.newaxis]
        cloth += (np.float32(232) - cloth) * white.astype(np.float32)
    folds = grains(rng, (height, width), height / 3) * 9 + grains(rng, (height, width), 1) * 4
    return np.clip(cloth + folds[:, :, np.newaxis], 0, 255).astype(np.float32)


def _wood(rng: np.random.Generator, width: int, height: int, tone: Colour) -> Ground:
    """Draws a board with horizontal grain."""
    fine = cv2.resize(
        rng.standard_normal((height, max(2, width // 40)), np.float32), (width, height)
    )
    wavy = cv2.resize(grains(rng, (height, max(2, width // 30)), 5), (width, height))
    return _tinted(np.array(tone), fine * 6 + wavy * 13 + grains(rng, (height, width), 1.5) * 3)


def _tinted(tone: NDArray[np.float64], relief: NDArray[np.floating]) -> Ground:
    """Returns one colour, changed by `relief` grey levels in its brightest channel."""
    factor = 1 + relief[:, :, np.newaxis] / max(60.0, float(tone.max()))
    return np.clip(tone.astype(np.float32) * factor, 0, 255).astype(np.float32)


def _muted(rng: np.random.Generator, low: float, high: float) -> NDArray[np.float64]:
    """Returns a random colour of low saturation."""
    return rng.uniform(low, high) * 0.6 + rng.uniform(low, high, 3) * 0.4


def _sprite(colour: Ground | NDArray[np.uint8], mask: NDArray[np.uint8]) -> Sprite:
    return np.dstack([np.clip(colour, 0, 255).astype(np.uint8), mask])


def _opaque(colour: Ground | NDArray[np.uint8]) -> Sprite:
    return _sprite(colour, np.full(colour.shape[:2], 255, np.uint8))


def _rotated(sprite: Sprite, degrees: float) -> Sprite:
    """Returns the sprite rotated, on a square that holds it at any angle."""
    height, width = sprite.shape[:2]
    side = math.ceil(math.hypot(width, height)) + 2
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    matrix[:, 2] += (side / 2 - width / 2, side / 2 - height / 2)
    turned: Sprite = cv2.warpAffine(sprite, matrix, (side, side), flags=cv2.INTER_LINEAR)
    return turned
