"""Writes files of this machine, whole or not at all, and locks folders; see `write_atomically`."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

TEMPORARY_SUFFIX = ".part"
_TEMPORARY_NAME = re.compile(r"\.[0-9a-f]{16}\.part")


def is_temporary(name: str) -> bool:
    """Returns whether a name is that of a temporary file, which a killed process leaves behind."""
    return _TEMPORARY_NAME.fullmatch(name) is not None


@contextmanager
def write_atomically(path: Path) -> Iterator[BinaryIO]:
    """Opens a new file that replaces `path` when the block ends, unless it raises.

    Until then the bytes go to a hidden temporary file in the same folder. Its name does not contain
    the name of `path`, which may already have the 255 bytes that file systems allow.
    """
    temporary = path.with_name(_temporary_name())
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def stage_file(folder: Path, data: bytes) -> Iterator[Path]:
    """Writes a hidden temporary file, for the block to link or rename; removes what is left of it.

    Raises:
        OSError: the file cannot be written; nothing of it stays.
    """
    temporary = folder / _temporary_name()
    try:
        with temporary.open("xb") as file:
            file.write(data)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _temporary_name() -> str:
    return f".{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"


@contextmanager
def lock_folder(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Holds an exclusive lock on a folder, against other processes that lock it too.

    Args:
        folder: an existing folder.
        wait: waits for a process that holds the lock; else raises.

    Raises:
        BlockingIOError: another process holds the lock, and `wait` is false.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)
