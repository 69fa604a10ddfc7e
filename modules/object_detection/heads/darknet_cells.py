"""The grid of cells that Darknet's heads share; see `Cells`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .candidates import Candidates, ChosenClasses


@dataclass(frozen=True)
class Cells:
    """The pairs of cell and anchor with an objectness above a threshold.

    values: `(N, channels of an anchor)` raw. anchor, cell: `(N,)`, the index of each pair's anchor
    and of its cell. width, height: the grid's size in cells.
    """

    values: NDArray[np.float32]
    anchor: NDArray[np.int64]
    cell: NDArray[np.int64]
    width: int
    height: int

    @staticmethod
    def select(
        raw: NDArray[np.float32], anchors: int, threshold: float, objectness: int = 4
    ) -> Cells:
        """Selects from one output, `(1, anchors * channels, H, W)` float32.

        `objectness` is the channel of each anchor that must be above `threshold`, as it is (raw).
        """
        _, channels, height, width = raw.shape
        grid = raw.reshape(anchors, channels // anchors, height * width)
        anchor, cell = np.nonzero(grid[:, objectness] > threshold)
        return Cells(grid[anchor, :, cell], anchor, cell, width, height)

    def candidates(
        self,
        offsets: NDArray[np.float64],
        sizes: NDArray[np.float64],
        chosen: ChosenClasses,
    ) -> Candidates:
        """Makes a box for each of the chosen classes.

        Args:
            offsets: `(N, 2)`, from the cell's top-left corner to the box's centre, in cells.
            sizes: `(N, 2)`, widths and heights in units of the network's input.
            chosen: the classes; its rows are indices of these N pairs.
        """
        corners = np.stack([self.cell % self.width, self.cell // self.width], axis=1)
        centres = (corners + offsets) / (self.width, self.height)
        return Candidates.from_centres(
            centres[chosen.rows], sizes[chosen.rows], chosen.confidences, chosen.class_ids
        )


def logit(probability: float) -> float:
    """Computes the inverse of the sigmoid; infinite at 0 and below, and at 1 and above."""
    if probability <= 0:
        return -math.inf
    return math.log(probability / (1 - probability)) if probability < 1 else math.inf
