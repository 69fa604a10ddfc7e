"""Draws annotated images in one thread, which has OpenCV's font before the first image; see `draw`.

OpenCV unpacks its fonts once in each thread that writes text, which takes 20 ms and 8 MB. Without
this module, the first image would wait for it, and each thread that serves images would have its
own fonts. One image is drawn at a time anyway.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import cv2

from ..object_detection.label_font import WEIGHT, font_for
from ..results import pipeline

if TYPE_CHECKING:
    from ..models.loader import Model
    from ..settings import Settings
    from ..telemetry.timings import Timings

_thread = ThreadPoolExecutor(1)


def prepare() -> None:
    """Makes the thread load the font, and does not wait for it."""
    _thread.submit(_load_font)


def draw(
    result: pipeline.Result, model: Model, settings: Settings, timings: Timings
) -> bytes | None:
    """Draws as `pipeline.draw` does.

    Raises:
        ImageError: the format cannot hold the image.
    """
    return _thread.submit(pipeline.draw, result, model, settings, timings).result()


def _load_font() -> None:
    text = "a"
    cv2.getTextSize((1, 1), text, (0, 0), font_for(text), 12, WEIGHT)
