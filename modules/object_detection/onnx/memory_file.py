"""Files that exist only in memory; see `MemoryFile`."""

from __future__ import annotations

import mmap
import os
import sys
import weakref
from collections.abc import Callable
from typing import Protocol, Self

_CHUNK_BYTES = 1 << 20


class Stream(Protocol):
    """A file that is open for reading."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fills the beginning of the buffer; returns the number of bytes, 0 at the end."""


class MemoryFile(mmap.mmap):
    """Memory that also has a path, as long as this object or an array on it exists.

    Only Linux has such files (memfd_create(2)). They use no disk, and other processes cannot see
    them.

    path: of the file, valid within this process. descriptor: of the same file.
    """

    path: str
    descriptor: int

    @classmethod
    def make(cls, name: str, size: int) -> Self:
        """Makes a file of `size` zeros; `name` is shown by tools that inspect the process.

        Raises:
            OSError: the system has no such files, or no memory left.
        """
        return cls._open(name, lambda descriptor: os.ftruncate(descriptor, size))

    @classmethod
    def filled(cls, name: str, stream: Stream) -> Self:
        """Makes a file of all bytes of `stream`, or of one zero if it has none.

        Raises:
            OSError: see `make`; nothing was read then if the system has no such files.
        """

        def fill(descriptor: int) -> None:
            chunk = memoryview(bytearray(_CHUNK_BYTES))
            while count := stream.readinto(chunk):
                done = 0
                while done < count:
                    done += os.write(descriptor, chunk[done:count])
            if os.fstat(descriptor).st_size == 0:  # an empty file cannot be mapped
                os.ftruncate(descriptor, 1)

        return cls._open(name, fill)

    @classmethod
    def _open(cls, name: str, fill: Callable[[int], None]) -> Self:
        if not has_memory_files():
            raise OSError("only Linux has files in memory")
        descriptor = os.memfd_create(name)
        try:
            fill(descriptor)
            file = cls(descriptor, 0)
        except BaseException:
            os.close(descriptor)
            raise
        weakref.finalize(file, os.close, descriptor)
        file.descriptor = descriptor
        file.path = f"/proc/self/fd/{descriptor}"
        return file


def has_memory_files() -> bool:
    """Returns whether the system has files in memory."""
    return sys.platform == "linux"
