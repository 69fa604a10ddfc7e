"""All picture formats; see `find_format`. A new format is one more line of `FORMATS`.

Each format has a file of its name in this folder, and in it a `FORMAT`. The file is imported when
a picture may be of this format: cold starts import only JPEG, the format of most pictures.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator, Mapping

from ...errors import ImageError
from . import jpeg
from .format import Format


class Formats(Mapping[str, Format]):
    """The formats by name, in the order in which a file is compared with them."""

    def __init__(self, *names: str) -> None:
        self._formats: dict[str, Format | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> Format:
        """Returns the format with that name, and imports its file at the first time."""
        format_ = self._formats[name]
        if format_ is None:
            loaded: Format = importlib.import_module(f".{name}", __package__).FORMAT
            self._formats[name] = format_ = loaded
        return format_

    def __iter__(self) -> Iterator[str]:
        return iter(self._formats)

    def __len__(self) -> int:
        return len(self._formats)


FORMATS = Formats(
    jpeg.FORMAT.name,
    "png",
    "webp",
    "tiff",
    "bmp",
    "heif",
    "avif",
    "jpeg2000",
    "gif",
    "netpbm",
)

# What is added to an image's name for that of its annotated image: nothing, or a suffix
ANNOTATED_SUFFIXES = ("", jpeg.FORMAT.suffixes[0])


@functools.cache
def list_suffixes() -> tuple[str, ...]:
    """Returns the file name suffixes of all formats, in lower case, with their dot."""
    return tuple(suffix for format_ in FORMATS.values() for suffix in format_.suffixes)


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
