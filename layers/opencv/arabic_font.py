"""Makes `modules/object_detection/arabic.ttf` from the font that OpenCV contains; see `main`.

    python -m layers.opencv.arabic_font modules/object_detection/arabic.ttf

OpenCV's "sans" font is Rubik, under the SIL Open Font License 1.1.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import cv2
from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

from modules.object_detection.label_font import WEIGHT
from modules.object_detection.label_text import arabic_forms

from .font import gzip_streams

_TRUETYPE = b"\x00\x01\x00\x00"


def sans_font() -> bytes:
    """Returns the file of OpenCV's "sans" font, which is in cv2's library, compressed by gzip."""
    library = next(Path(cv2.__file__).parent.glob("cv2*.so")).read_bytes()
    for _, data in gzip_streams(library):
        if not data.startswith(_TRUETYPE):
            continue
        font = TTFont(io.BytesIO(data))
        if "fvar" in font and not font["post"].italicAngle:
            return data
    raise LookupError("cv2's library does not hold the font")


def arabic_font(sans: bytes) -> bytes:
    """Returns a font with the presentation forms of Arabic letters that `sans` hides.

    In `sans` they have no code points; their names, such as `uniFEDB`, tell which form each is.
    """
    font = instancer.instantiateVariableFont(
        TTFont(io.BytesIO(sans), recalcTimestamp=False), {"wght": WEIGHT}
    )
    forms = {
        ord(form)
        for of_letter in arabic_forms().values()
        for form in of_letter.values()
        if f"uni{ord(form):04X}" in font.getReverseGlyphMap()
    } - set(font.getBestCmap())
    for table in font["cmap"].tables:
        table.cmap |= {code: f"uni{code:04X}" for code in forms}
    options = subset.Options(
        layout_features=[],
        drop_tables=["GDEF", "GPOS", "GSUB", "STAT", "gasp"],
        hinting=False,
        notdef_outline=True,
        name_IDs=["*"],
    )
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=forms)
    subsetter.subset(font)
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


def main(target: Path) -> None:
    """Writes the font to `target`."""
    target.write_bytes(arabic_font(sans_font()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
