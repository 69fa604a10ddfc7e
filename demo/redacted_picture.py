"""Draws the picture of docs/privacy.md, docs/images/redacted.jpg: a street with each DRAW.

    .venv/bin/python demo/redacted_picture.py

Downloads YOLOX-nano if it is missing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

_ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(_ROOT))

from modules.cli.samples import find_model
from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.object_detection.images import decode_image, encode_image
from modules.results.pipeline import draw, process
from modules.settings import BLUR, BOXES, PIXELATE, Settings
from modules.telemetry.timings import Timings

_WIDTH = 480  # pixels of each part


def main() -> None:
    """Writes the street with boxes, with blur and with a mosaic, side by side."""
    data = (_ROOT / "demo" / "street.jpg").read_bytes()
    model = load_model(LocalFolder(find_model("yolox-nano")), Settings())
    parts = []
    for drawing in (BOXES, BLUR, PIXELATE):
        settings = Settings(draw=drawing)
        result = process(data, model, settings, Timings())
        drawn = draw(result, model, settings, Timings()) or b""
        pixels = decode_image(drawn, max_pixels=settings.max_image_pixels).pixels
        size = _WIDTH, _WIDTH * pixels.shape[0] // pixels.shape[1]
        parts.append(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    target = _ROOT / "docs" / "images" / "redacted.jpg"
    target.write_bytes(encode_image(np.hstack(parts), "jpeg"))


if __name__ == "__main__":
    main()
