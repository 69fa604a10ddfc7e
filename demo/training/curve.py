"""Draws the progress of a training run; start at `draw_curve`."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

_WIDTH, _HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 700, 24, 320
_INK, _GREY, _BLUE, _RED = (60, 60, 60), (225, 225, 225), (180, 110, 30), (60, 60, 200)
_FONT = cv2.FontFace("sans")


def draw_curve(map50: Sequence[float], losses: Sequence[float]) -> NDArray[np.uint8]:
    """Draws mAP@0.5 on held-out scenes and the loss, relative to its largest value, by epoch.

    Returns `(360, 720, 3)` uint8 BGR.
    """
    picture = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    for tenth in range(0, 11, 2):
        y = _at(0, tenth / 10, 1)[1]
        cv2.line(picture, (_LEFT, y), (_RIGHT, y), _GREY, 1)
        _write(picture, f"{tenth / 10:.1f}", (_LEFT - 34, y + 5), _INK)
    most = max(losses, default=1.0)
    for values, colour in (([loss / most for loss in losses], _RED), (map50, _BLUE)):
        points = np.array([_at(n, value, len(values)) for n, value in enumerate(values)])
        cv2.polylines(picture, [points.astype(np.int32)], False, colour, 2, cv2.LINE_AA)
    _write(picture, f"mAP@0.5, held out: {map50[-1]:.3f}", (_LEFT + 380, _TOP + 236), _BLUE)
    _write(picture, "loss, relative", (_LEFT + 380, _TOP + 260), _RED)
    _write(picture, f"epochs 1 to {len(map50)}", (_LEFT, _HEIGHT - 14), _INK)
    return picture


def _at(number: int, value: float, count: int) -> tuple[int, int]:
    across = number / max(1, count - 1)
    return round(_LEFT + across * (_RIGHT - _LEFT)), round(_BOTTOM - value * (_BOTTOM - _TOP))


def _write(
    picture: NDArray[np.uint8], text: str, at: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    cv2.putText(picture, text, at, colour, _FONT, 15)
