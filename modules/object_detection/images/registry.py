"""All picture formats; a new format is one more line of `FORMATS`."""

from __future__ import annotations

from . import bmp, jpeg, png, tiff, webp
from .format import Format

FORMATS: dict[str, Format] = {
    format_.name: format_
    for format_ in (
        jpeg.FORMAT,
        png.FORMAT,
        webp.FORMAT,
        tiff.FORMAT,
        bmp.FORMAT,
    )
}
SUFFIXES = tuple(suffix for format_ in FORMATS.values() for suffix in format_.suffixes)
