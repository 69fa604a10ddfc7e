"""Puts files into folders that may hold files of others; see `check_folder` and `give_name`."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import DiskFullError, OutputError, UsageError
from .path_names import nearest_existing
from .printing import printable

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_NAME_MAX = 255  # bytes, where a file system does not say


def check_folder(path: Path, option: str) -> int:
    """Returns the most bytes of a file's name in a folder, which may not exist yet.

    Args:
        path: the folder.
        option: of the command, which names the folder.

    Raises:
        UsageError: the folder cannot be written to.
    """
    folder = nearest_existing(path)
    name = printable(str(folder))
    if not folder.is_dir():
        raise UsageError(f"{name} is a file, so no results can be written into it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{name} cannot be written to; choose another {option}")
    with contextlib.suppress(OSError, ValueError):
        return os.pathconf(folder, "PC_NAME_MAX")
    return _NAME_MAX


@contextmanager
def writing_errors(path: Path) -> Iterator[None]:
    """Turns the system's errors into `OutputError`, or `DiskFullError`, with the file's name."""
    try:
        yield
    except OSError as error:
        kind = DiskFullError if error.errno in _FULL else OutputError
        reason = error.strerror or str(error)
        raise kind(f"{printable(str(path))} cannot be written: {reason}") from error


def give_name(part: Path, path: Path, *, is_new: bool) -> None:
    """Gives a complete temporary file its name.

    Args:
        part: the temporary file, in the same folder.
        path: the name.
        is_new: whether the name must still be free; else the file under it is replaced.

    Raises:
        OSError: the name is not free any more, or the system fails.
    """
    if not is_new:
        part.replace(path)
        return
    try:
        os.link(part, path)  # unlike a rename, it fails if `path` exists
    except OSError as error:
        if error.errno not in _NO_LINKS or os.path.lexists(path):
            raise
        part.replace(path)
