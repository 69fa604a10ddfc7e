"""Files that are in memory alone; see `MemoryFile`."""

from __future__ import annotations

import mmap
import os
import sys
import weakref
from typing import Self


class MemoryFile(mmap.mmap):
    """Memory that can be found by a path, too, as long as this object or an array on it lives.

    Linux alone has such files (memfd_create(2)); they touch no disk, and no other process sees
    them.

    path: of the file, within this process.
    """

    path: str

    @classmethod
    def make(cls, name: str, size: int) -> Self:
        """A file of `size` zeros; `name` is for who looks at the process.

        Raises:
            OSError: this system has none, or no memory left.
        """
        if sys.platform != "linux":
            raise OSError("files in memory are Linux's alone")
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
