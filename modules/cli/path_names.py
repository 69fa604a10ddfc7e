"""Compares paths as the file system under them does; start at `ignores_case`."""

from __future__ import annotations

import os
import secrets
import unicodedata
from collections.abc import Iterator
from pathlib import Path


def nearest_existing(path: Path) -> Path:
    """Returns the path, or the nearest folder above it that exists."""
    return next(folder for folder in with_parents(path) if os.path.lexists(folder))


def with_parents(path: Path) -> Iterator[Path]:
    """Yields the path, and then the folders above it, the nearest first."""
    yield path
    yield from path.absolute().parents


def fold(path: Path) -> str:
    """Returns a text that is equal for paths that differ only in case or in Unicode's forms."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def ignores_case(folder: Path) -> bool:
    """Returns whether `a` and `A` are one file there, by a hidden file that is removed again."""
    probe = nearest_existing(folder) / f".a{secrets.token_hex(8)}.part"
    try:
        probe.touch(exist_ok=False)
        return probe.with_name(probe.name.upper()).exists()
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)
