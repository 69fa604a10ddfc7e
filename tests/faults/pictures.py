"""The images of a storm: when each one is dropped, and what must be found; see `plan`."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import Any

import cv2

from tests.colour_model import CELL, SIZE, picture

_BAD = 0.1  # share of all images, like the next
_OVERWRITTEN = 0.15
_MAX_DISTANCE = 12  # drops of other images between the first and the second drop of one key


@dataclass(frozen=True)
class Drop:
    """An object that is put.

    squares: (label, x, y) of each object in the image; None for a file that is no image.
    """

    key: str
    data: bytes
    squares: frozenset[tuple[str, float, float]] | None

    @property
    def etag(self) -> str:
        """The ETag that S3 gives an object of one part."""
        return hashlib.md5(self.data, usedforsecurity=False).hexdigest()


def plan(images: int, seed: int) -> list[Drop]:
    """Returns every drop in order. Some overwrite an earlier one: the last drop of a key counts."""
    order: list[tuple[float, Drop]] = []
    for number in range(images):
        rng = random.Random(f"{seed} {number}")
        key = f"input/{number // 100:03}/{number:05}.png"
        order.append((number, _drop(key, rng)))
        if rng.random() < _OVERWRITTEN:
            order.append((number + rng.uniform(0, _MAX_DISTANCE), _drop(key, rng)))
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
