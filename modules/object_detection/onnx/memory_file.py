"""Files that exist only in memory; see `MemoryFile`."""

from __future__ import annotations

import mmap
import os
import sys
import weakref
from typing import Self


class MemoryFile(mmap.mmap):
    """Memory that also has a path, as long as this object or an array on it exists.

    Only Linux has such files (memfd_create(2)). They use no disk, and other processes cannot see
    them.

    path: of the file, valid within this process.
    """

    path: str

    @classmethod
    def make(cls, name: str, size: int) -> Self:
        """Makes a file of `size` zeros; `name` is shown by tools that inspect the process.

        Raises:
            OSError: the system has no such files, or no memory left.
        """
        if sys.platform != "linux":
            raise OSError("only Linux has files in memory")
        descriptor = os.memfd_create(name)
        try:
            os.ftruncate(descriptor, size)
            file = cls(descriptor, size)
        except BaseException:
            os.close(descriptor)
            raise
        weakref.finalize(file, os.close, descriptor)
        file.path = f"/proc/self/fd/{descriptor}"
        return file
