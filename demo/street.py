"""Renders demo/street.jpg, the project's own picture to try COCO networks with.

.venv/bin/python demo/street.py demo/street.jpg
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

_WIDTH, _HEIGHT = 960, 640
_SCALE = 3  # drawn three times as large and then shrunk, for smooth edges
_NOISE = 2.5  # grey levels, like a camera's: the networks were trained on photos

Colour = tuple[int, int, int]
_FONT = cv2.FontFace("sans")


def main(path: str) -> None:
    """Renders the picture and writes it."""
    canvas = _sky()
    _draw_ground(canvas)
    _draw_stop_sign(canvas, 215, 170)
    _draw_traffic_light(canvas, 520, 95)
    _draw_clock(canvas, 775, 185)
    picture = cv2.resize(canvas, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(1).normal(0, _NOISE, picture.shape)
    picture = (cv2.GaussianBlur(picture, (3, 3), 0.6) + noise).clip(0, 255).astype(np.uint8)
    cv2.imwrite(path, picture, [cv2.IMWRITE_JPEG_QUALITY, 90])


def _sky() -> NDArray[np.uint8]:
    height = np.linspace(0, 1, _HEIGHT * _SCALE)[:, np.newaxis, np.newaxis]
    top, bottom = np.array([235, 190, 140]), np.array([250, 240, 230])
    sky = top * (1 - height) + bottom * height
    return np.tile(sky.astype(np.uint8), (1, _WIDTH * _SCALE, 1))


def _draw_ground(canvas: NDArray[np.uint8]) -> None:
    hills = [
        (x, 330 + 25 * math.sin(x / 130) + 12 * math.sin(x / 47)) for x in range(0, _WIDTH + 1, 8)
    ]
    _fill(canvas, [*hills, (_WIDTH, _HEIGHT), (0, _HEIGHT)], (90, 140, 95))
    _fill(canvas, [(0, 455), (_WIDTH, 425), (_WIDTH, _HEIGHT), (0, _HEIGHT)], (105, 105, 108))
    _fill(canvas, [(0, 440), (_WIDTH, 412), (_WIDTH, 428), (0, 458)], (170, 175, 178))
    for x in range(-40, _WIDTH, 150):
        _fill(canvas, [(x, 545), (x + 70, 543), (x + 66, 553), (x - 5, 555)], (225, 230, 235))


def _draw_stop_sign(canvas: NDArray[np.uint8], x: int, y: int) -> None:
    _draw_post(canvas, x, y, 450, 12, (140, 140, 142))
    for radius, colour in ((88, (245, 245, 245)), (81, (35, 28, 190))):
        corners = [math.pi / 8 + corner * math.pi / 4 for corner in range(8)]
        _fill(
            canvas,
            [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in corners],
            colour,
        )
    _write(canvas, "STOP", x, y + 19, 52, (250, 250, 250))


def _draw_traffic_light(canvas: NDArray[np.uint8], x: int, y: int) -> None:
    _draw_post(canvas, x, y, 448, 14, (60, 62, 60))
    housing = [(x - 38, y - 40), (x + 38, y - 40), (x + 38, y + 165), (x - 38, y + 165)]
    _fill(canvas, housing, (38, 40, 38))
    for lamp, colour in enumerate(((50, 40, 240), (20, 60, 70), (25, 55, 25))):
        _fill_circle(canvas, x, y - 4 + lamp * 64, 26, (25, 25, 25))
        _fill_circle(canvas, x, y - 4 + lamp * 64, 22, colour)
    _fill_circle(canvas, x - 6, y - 11, 7, (150, 150, 255))


def _draw_clock(canvas: NDArray[np.uint8], x: int, y: int) -> None:
    _draw_post(canvas, x, y, 438, 18, (45, 50, 40))
    _fill_circle(canvas, x, y, 82, (40, 45, 35))
    _fill_circle(canvas, x, y, 72, (245, 248, 250))
    for minute in range(60):
        inner, width = (60, 4) if minute % 5 == 0 else (67, 1)
        _draw_hand(canvas, x, y, minute / 60, inner, 70, width)
    for hour in range(1, 13):
        angle = hour * math.pi / 6
        at = x + 49 * math.sin(angle), y - 49 * math.cos(angle) + 5
        _write(canvas, str(hour), *at, 15, (30, 30, 30))
    _draw_hand(canvas, x, y, 10.15 / 12, 0, 38, 6)
    _draw_hand(canvas, x, y, 9 / 60, 0, 58, 4)


def _draw_hand(
    canvas: NDArray[np.uint8], x: int, y: int, turn: float, start: int, end: int, width: int
) -> None:
    """Draws a line from the clock's centre; `turn` is its angle from twelve, 1 is a full circle."""
    across, up = math.sin(2 * math.pi * turn), math.cos(2 * math.pi * turn)
    ends = [(x + reach * across, y - reach * up) for reach in (start, end)]
    cv2.line(canvas, *_scaled(ends), (25, 25, 25), width * _SCALE, cv2.LINE_AA)


def _draw_post(
    canvas: NDArray[np.uint8], x: int, top: int, bottom: int, width: int, colour: Colour
) -> None:
    left, right = x - width / 2, x + width / 2
    _fill(canvas, [(left, top), (right, top), (right, bottom), (left, bottom)], colour)


def _fill(
    canvas: NDArray[np.uint8], corners: Sequence[tuple[float, float]], colour: Colour
) -> None:
    cv2.fillPoly(canvas, [_scaled(corners)], colour, cv2.LINE_AA)


def _fill_circle(canvas: NDArray[np.uint8], x: int, y: int, radius: int, colour: Colour) -> None:
    cv2.circle(canvas, (x * _SCALE, y * _SCALE), radius * _SCALE, colour, -1, cv2.LINE_AA)


def _write(
    canvas: NDArray[np.uint8], text: str, x: float, y: float, size: int, colour: Colour
) -> None:
    """Draws text, centred at x, with its baseline at y."""
    extent = (canvas.shape[1], canvas.shape[0])
    left, _, width, _ = cv2.getTextSize(extent, text, (0, 0), _FONT, size * _SCALE, 700)
    at = (round(x * _SCALE - width / 2 - left), round(y * _SCALE))
    cv2.putText(canvas, text, at, colour, _FONT, size * _SCALE, 700)


def _scaled(points: Sequence[tuple[float, float]]) -> NDArray[np.int32]:
    return (np.array(points) * _SCALE).round().astype(np.int32)


if __name__ == "__main__":
    main(sys.argv[1])
