"""The AVIF format; see `FORMAT`. Its files are built like HEIF's; heif.py reads both."""

from __future__ import annotations

import functools

from . import heif, jpeg
from .format import Format
from .heif_brands import is_avif

FORMAT = Format(
    name="avif",
    suffixes=(".avif", ".avifs"),
    media_type=jpeg.FORMAT.media_type,
    annotated_suffix=".jpg",
    recognises=is_avif,
    read_size=functools.partial(heif.read_size, "avif"),
    make_safe=functools.partial(heif.check, "avif"),
    decode=heif.decode,
    encode=jpeg.FORMAT.encode,
)
