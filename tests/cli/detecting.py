"""Runs `detect` on files that a test writes; see `Detect`, and `detect` in conftest.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2

from tests.colour_model import picture


def image(suffix: str = ".png", **cells: tuple[int, int]) -> bytes:
    return bytes(cv2.imencode(suffix, picture(**(cells or {"red": (2, 5)})))[1])


@dataclass
class Run:
    """What a command has printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def keys(self) -> list[str]:
        return [json.loads(line)["image"]["key"] for line in self.out.splitlines()]


Detect = Callable[..., Run]


def write(path: str, data: bytes | None = None) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(image() if data is None else data)
    return file


def tree(folder: str = ".") -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
