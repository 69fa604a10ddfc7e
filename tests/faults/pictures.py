"""The pictures of a storm: what is dropped when, and what must be found; start at `plan`."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import Any

import cv2

from tests.colour_model import CELL, SIZE, picture

_BAD = 0.1  # shares of all images
_OVERWRITTEN = 0.15
_APART = 12  # drops of other images that lie at most between the first and the second of one


@dataclass(frozen=True)
class Drop:
    """An object that is put, and the squares (label, x, y) to be found in it; None if it is bad."""

    key: str
    data: bytes
    squares: frozenset[tuple[str, float, float]] | None

    @property
    def etag(self) -> str:
        """As S3 has it for an object that was put in one piece."""
        return hashlib.md5(self.data, usedforsecurity=False).hexdigest()


def plan(images: int, seed: int) -> list[Drop]:
    """Every drop, in order; the last one of a key counts. Some overwrite, some are no images."""
    order: list[tuple[float, Drop]] = []
    for number in range(images):
        rng = random.Random(f"{seed} {number}")
        key = f"input/{number // 100:03}/{number:05}.png"
        order.append((number, _drop(key, rng)))
        if rng.random() < _OVERWRITTEN:
            order.append((number + rng.uniform(0, _APART), _drop(key, rng)))
    return [drop for _, drop in sorted(order, key=lambda entry: entry[0])]


def _drop(key: str, rng: random.Random) -> Drop:
    cells = SIZE // CELL
    red, green = rng.sample([(column, row) for column in range(cells) for row in range(cells)], 2)
    data = bytes(cv2.imencode(".png", picture(red=red, green=green))[1])
    if rng.random() < _BAD:
        broken: Any = rng.choice([data[: len(data) // 2], f"<html>{rng.random()}".encode()])
        return Drop(key, broken, None)
    squares = {(label, float(x * CELL), float(y * CELL)) for label, (x, y) in
               (("red", red), ("green", green))}  # fmt: skip
    return Drop(key, data, frozenset(squares))
