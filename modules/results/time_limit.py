"""Refuses an image whose slices cannot end in time; see `TimeLimit`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ImageError, OutOfTimeError

if TYPE_CHECKING:
    from ..object_detection.slicing import Progress, Slicing


@dataclass(frozen=True)
class TimeLimit:
    """How long an image may take.

    seconds_left: returns the seconds until its invocation ends. is_first: whether the image is the
    first of its invocation, so that a retry would have no more time.
    """

    seconds_left: Callable[[], float]
    is_first: bool

    def require(
        self, progress: Progress, slicing: Slicing, size: tuple[int, int], reserve: float
    ) -> None:
        """Checks that the passes left can end in time.

        Args:
            progress: of the image.
            slicing: as it is cut.
            size: (width, height) of the image, in pixels.
            reserve: the seconds that are needed after the last pass, to draw and to publish.

        Raises:
            ImageError: they cannot, in no invocation.
            OutOfTimeError: they cannot in this one, because images before it took their time.
        """
        left = self.seconds_left() - reserve
        needed = progress.passes_left * progress.seconds_a_pass
        if needed <= left:
            return
        passes = max(0, int(left / progress.seconds_a_pass))
        done = progress.slices - progress.passes_left
        side = slicing.larger_side(*size, done + passes) if done + passes else None
        advice = f"SLICE={side}, " if side else "a larger SLICE, "
        message = (
            f"{size[0]} x {size[1]} pixels have {progress.slices:,} slices with "
            f"SLICE={slicing.side}; {progress.passes_left:,} are left, each takes "
            f"{progress.seconds_a_pass:.3g} s, and there are {max(0.0, left):.3g} s for them: "
        )
        if self.is_first:
            raise ImageError(f"{message}{advice}a longer time-out or more memory is right")
        raise OutOfTimeError(f"{message}images before it took their time")
