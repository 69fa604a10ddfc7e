"""All picture formats; see `find_format`. A new format is one more line of `FORMATS`."""

from __future__ import annotations

from ...errors import ImageError
from . import avif, bmp, gif, heif, jpeg, jpeg2000, netpbm, png, tiff, webp
from .format import Format

FORMATS: dict[str, Format] = {
    format_.name: format_
    for format_ in (
        jpeg.FORMAT,
        png.FORMAT,
        webp.FORMAT,
        tiff.FORMAT,
        bmp.FORMAT,
        heif.FORMAT,
        avif.FORMAT,
        jpeg2000.FORMAT,
        gif.FORMAT,
        netpbm.FORMAT,
    )
}
SUFFIXES = tuple(suffix for format_ in FORMATS.values() for suffix in format_.suffixes)

# What is added to an image's name for that of its annotated image: nothing, or a suffix
ANNOTATED_SUFFIXES = tuple(dict.fromkeys(format_.annotated_suffix for format_ in FORMATS.values()))


def find_format(data: bytes) -> Format:
    """Returns the format of a file, by its first bytes.

    Raises:
        ImageError: the file is empty or of none of `FORMATS`.
    """
    if not data:
        raise ImageError("the file is empty")
    for format_ in FORMATS.values():
        if format_.recognises(data):
            return format_
    from .file_kinds import describe  # only needed for this message

    supported = ", ".join(name.upper() for name in FORMATS)
    raise ImageError(f"{describe(data)}, not a supported image; images must be one of {supported}")
