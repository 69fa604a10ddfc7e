"""Where a job's images come from; see `Source`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from .readers import Reader

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class Source(Protocol):
    """Lists the files at a location, and lets workers read some of them.

    paths: all files, with Spark's names, in the order in which `read` takes them.
    unreadable: files whose names Spark cannot hold, as they should be shown.
    """

    paths: list[str]
    unreadable: list[str]

    def narrow(self, pictures: Collection[str]) -> None:
        """Makes `paths` leave out files that are no pictures, if that makes reading simpler.

        Args:
            pictures: those of the files that are pictures by their contents, not by their names.
        """

    def take(self, paths: Sequence[str], count: int) -> Sequence[str]:
        """Returns the first `count` of `paths`, or fewer if one `read` cannot take so many.

        Args:
            paths: some of the files, in the order of `self.paths`.
            count: at least 1.
        """

    def read(
        self, paths: Sequence[str], task_sizes: Sequence[int], *, max_bytes: int
    ) -> tuple[DataFrame, Reader]:
        """Returns what the tasks get, and the reader that opens images from it on the workers.

        Args:
            paths: some of the files, as `take` returns them.
            task_sizes: how many of them each task reads; their sum is the number of paths.
            max_bytes: of the largest image. The bytes of larger ones are not read.
        """
