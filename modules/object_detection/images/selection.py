"""Tells pictures from other files, and counts the others; see `has_picture_suffix`, `is_picture`.

A file is taken for a picture if its name has the suffix of a picture format, so that a broken one
is reported, or if its first bytes are those of a picture, whatever its name is.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from ...errors import ImageError
from .registry import FORMATS, find_format, list_suffixes

HEAD_BYTES = 1024  # of a file, by which its format is recognised
NO_SUFFIX = "without a suffix"
_MOST_KINDS = 8  # in a message


def has_picture_suffix(name: str) -> bool:
    """Returns whether a file's name ends as a picture's does, in upper or lower case."""
    return name.lower().endswith(list_suffixes())


def is_picture(head: bytes) -> bool:
    """Returns whether a file that starts with these bytes is of a picture format."""
    try:
        find_format(head)
    except ImageError:
        return False
    return True


def kind_of(name: str) -> str:
    """Returns how a file that is no picture is counted: by its suffix, in lower case.

    >>> kind_of("photos/Notes.TXT"), kind_of(".DS_Store"), kind_of("LICENSE")
    ('.txt', '.DS_Store', 'without a suffix')
    """
    base = posixpath.basename(name)
    stem, suffix = posixpath.splitext(base)
    if stem == base and base.startswith("."):
        return base
    return suffix.lower() or NO_SUFFIX


def describe_left_out(kinds: Mapping[str, int]) -> str:
    """Returns a line about files that are no pictures; empty if there are none.

    >>> describe_left_out({".json": 3, ".txt": 2})
    '5 files left out: 3 .json, 2 .txt'
    >>> describe_left_out({"without a suffix": 1})
    '1 file left out: 1 without a suffix'
    """
    total = sum(kinds.values())
    if not total:
        return ""
    ordered = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{count:,} {kind}" for kind, count in ordered[:_MOST_KINDS]]
    if rest := sum(count for _, count in ordered[_MOST_KINDS:]):
        parts.append(f"{rest:,} of other kinds")
    return f"{total:,} {'files' if total > 1 else 'file'} left out: {', '.join(parts)}"


def describe_formats() -> str:
    """Returns the names of all picture formats, for messages."""
    return ", ".join(name.upper() for name in FORMATS)
