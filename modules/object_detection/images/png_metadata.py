"""Reads what a PNG's chunks say about its pixels; see `PngMetadata`."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from .colour_profile import MAX_PROFILE_BYTES
from .nclx import make_profile
from .orientation import EXIF_PREFIX, choose_orientation

METADATA_CHUNKS = (b"eXIf", b"iCCP", b"cICP", b"tEXt", b"zTXt", b"iTXt")
_EXIF, _PROFILE, _CODE_POINTS = b"eXIf", b"iCCP", b"cICP"
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_APP1_KEYWORD = b"Raw profile type APP1"
# As ImageMagick writes it, in hexadecimal digits; the first that is there counts
_RAW_KEYWORDS = (b"Raw profile type exif", _APP1_KEYWORD, b"Raw profile type xmp")
_TEXT_LIMIT = 1 << 20  # bytes of a text, packed and unpacked; the orientation is near the start
_KEYWORD_LIMIT = 79  # PNG specification, 11.3.3.1


@dataclass
class PngMetadata:
    """Collects the chunks that count for the pixels. Each is unpacked only when it is asked for.

    No more than a megabyte of a text is ever unpacked, and 4 MB of a profile.
    """

    _chunks: dict[bytes, bytes] = field(default_factory=dict)
    _texts: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)

    def add(self, kind: bytes, content: bytes) -> None:
        """Takes a chunk of `METADATA_CHUNKS`; the first of each kind or keyword counts."""
        if kind in (_EXIF, _PROFILE, _CODE_POINTS):
            self._chunks.setdefault(kind, content)
            return
        keyword = content[: _KEYWORD_LIMIT + 1].split(b"\0", 1)[0]
        if keyword in (_XMP_KEYWORD, *_RAW_KEYWORDS):
            self._texts.setdefault(keyword, (kind, content[len(keyword) + 1 :]))

    def orientation(self) -> int:
        """Returns EXIF's number, from `eXIf`, an ImageMagick text, or XMP, in this order."""
        exif, xmp = self._chunks.get(_EXIF, b""), self._text(_XMP_KEYWORD)
        for keyword in _RAW_KEYWORDS:
            raw = _from_hexadecimal(self._text(keyword)) if keyword in self._texts else b""
            if raw.startswith((EXIF_PREFIX, b"II", b"MM")):
                exif = exif or raw
            elif raw:
                xmp = xmp or raw
        return choose_orientation(exif, xmp)

    def profile(self) -> bytes:
        """Returns the ICC profile; empty if there is none, or if it is broken or too long.

        Colours that are stated as numbers (`cICP`) count before it (PNG specification, 4.3).
        """
        code_points = self._chunks.get(_CODE_POINTS, b"")
        if len(code_points) == 4:
            return make_profile(code_points[0], code_points[1])
        name, _, packed = self._chunks.get(_PROFILE, b"").partition(b"\0")
        return _inflate(packed[1:], MAX_PROFILE_BYTES) if name else b""

    def _text(self, keyword: bytes) -> bytes:
        kind, content = self._texts.get(keyword, (b"", b""))
        if kind == b"zTXt":
            return _inflate(content[1:], _TEXT_LIMIT)
        if kind == b"iTXt":
            is_packed = content[:1] == b"\1"
            text = content[2:].split(b"\0", 2)[-1]  # after the language and the translated keyword
            return _inflate(text, _TEXT_LIMIT) if is_packed else text[:_TEXT_LIMIT]
        return content[:_TEXT_LIMIT]


def _inflate(packed: bytes, limit: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed[:limit], limit)
    except zlib.error:
        return b""


def _from_hexadecimal(text: bytes) -> bytes:
    """Returns the bytes of ImageMagick's text: the kind, the number of bytes, and the digits."""
    parts = text.split(maxsplit=2)
    if len(parts) < 3:
        return b""
    digits = b"".join(parts[2].split())
    try:
        return bytes.fromhex(digits[: len(digits) // 2 * 2].decode("latin-1"))
    except ValueError:
        return b""
