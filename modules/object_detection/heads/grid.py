"""The grid of cells that a network's boxes belong to; see `Grid`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

# Levels P3 to P5; P3 to P6; P2 to P5; P4 and P5 of the tiny networks
_STRIDES = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32), (16, 32))


@dataclass(frozen=True)
class Grid:
    """The boxes of a network, in order of levels, then anchors, then rows and columns of cells.

    size: the input's (width, height) in pixels. strides: the side of a cell on each level, in
    pixels. per_cell: the number of boxes of a cell.
    """

    size: tuple[int, int]
    strides: tuple[int, ...]
    per_cell: int = 1

    @staticmethod
    def with_boxes(count: int, size: tuple[int, int], per_cell: int) -> Grid | None:
        """Returns the grid with `count` boxes, if one of the YOLO families has such a grid."""
        grids = (Grid(size, strides, per_cell) for strides in _STRIDES)
        return next((grid for grid in grids if grid.boxes == count), None)

    @property
    def boxes(self) -> int:
        """The number of boxes."""
        return sum(self.per_cell * width * height for width, height in self._levels)

    @property
    def _levels(self) -> list[tuple[int, int]]:
        """The columns and rows of each level; strided convolutions round up."""
        width, height = self.size
        return [(-(-width // stride), -(-height // stride)) for stride in self.strides]

    @cached_property
    def strides_of_boxes(self) -> NDArray[np.float32]:
        """The side of each box's cell, `(N,)`, in pixels."""
        counts = [self.per_cell * width * height for width, height in self._levels]
        return np.repeat(np.array(self.strides, np.float32), counts)

    @cached_property
    def corners(self) -> NDArray[np.float32]:
        """The top-left corner of each box's cell, `(N, 2)`, in pixels."""
        parts = []
        for stride, (width, height) in zip(self.strides, self._levels, strict=True):
            rows, columns = np.mgrid[:height, :width] * stride
            cells = np.stack([columns.ravel(), rows.ravel()], axis=1)
            parts.append(np.tile(cells, (self.per_cell, 1)))
        return np.concatenate(parts).astype(np.float32)
