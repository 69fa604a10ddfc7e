"""OpenCV's font for labels, and whether it has a character.

OpenCV's font contains the joined forms of Arabic letters, but OpenCV reaches a glyph only by its
code point, and these glyphs have none. `arabic.ttf` holds the same glyphs at the code points of
Arabic presentation forms; `layers/opencv/arabic_font.py` makes it. Its licence is the SIL Open Font
License 1.1, and the file names the authors.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

WEIGHT = 600  # semibold: thin strokes vanish in a thumbnail; `arabic.ttf` has no other weight
_FONT = "sans"  # comes with OpenCV 5: Latin, Greek, Cyrillic, Hebrew, Arabic and CJK
_NO_CHARACTER = "\uffff"
_WHITE = (255, 255, 255)


def font_for(text: str) -> cv2.FontFace:
    """Returns the font to draw `text` with."""
    if text.isascii() or not any(map(_is_presentation_form, text)):
        return cv2.FontFace(_FONT)
    from importlib.resources import as_file, files  # slow to import, and few labels need it

    # OpenCV reads a font only from a file; Spark's workers import the modules from a zip.
    # It looks for characters that are not in this font in its own.
    with as_file(files(__package__) / "arabic.ttf") as path:
        return cv2.FontFace(str(path))


@functools.cache
def has_glyph(character: str) -> bool:
    """Whether the font has the character; OpenCV draws a question mark or a box if it does not."""
    if character.isascii():
        return character.isprintable()
    font = font_for(character)
    return not np.array_equal(_draw(character, font), _draw(_NO_CHARACTER, font))


def _is_presentation_form(character: str) -> bool:
    return "\ufb50" <= character <= "\ufdff" or "\ufe70" <= character <= "\ufefc"


def _draw(character: str, font: cv2.FontFace) -> NDArray[np.uint8]:
    canvas = np.zeros((40, 40, 3), np.uint8)
    cv2.putText(canvas, character, (4, 30), _WHITE, font, 24, WEIGHT)
    return canvas
