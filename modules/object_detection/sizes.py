"""Parses sizes in pixels on the command line; see `parse_size`.

The commands, the Spark jobs and demo/render.py all take sizes. The Spark jobs cannot import the
commands, so this module is in a room that all of them import.
"""

from __future__ import annotations

import argparse
import re


def parse_size(
    text: str, *, square: bool = True, smallest: int = 1, largest: int = 99_999
) -> tuple[int, int]:
    """Parses a size such as `640x480`, as an argument's `type`; returns (width, height) in pixels.

    >>> parse_size("640x480"), parse_size("100")
    ((640, 480), (100, 100))

    Args:
        text: the argument.
        square: whether a single number is allowed, for a square.
        smallest: the smallest side, in pixels.
        largest: the largest side, in pixels.

    Raises:
        argparse.ArgumentTypeError: the text is no size, or a side is too small or too large.
    """
    found = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", text, re.ASCII)
    if found and (square or found[2]):
        width, height = int(found[1]), int(found[2] or found[1])
        if smallest <= min(width, height) and max(width, height) <= largest:
            return width, height
    form = "a size in pixels like 640 or 640x480" if square else "a width and height like 640x480"
    raise argparse.ArgumentTypeError(
        f"'{text}' is not {form}, each side from {smallest:,} to {largest:,} pixels"
    )
