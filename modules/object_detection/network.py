"""What an importer hands to a detector: a network in ONNX, and how to feed and read it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .heads import Head


@dataclass(frozen=True)
class Network:
    """A network ready for an engine.

    onnx: `(bytes,) uint8`. input_size: (width, height) in pixels. outputs: the graph's outputs,
    each decoded by the head at the same place in `heads`. letterbox: whether the network was
    trained on pictures that kept their proportions.
    """

    onnx: NDArray[np.uint8]
    input_size: tuple[int, int]
    outputs: tuple[str, ...]
    heads: tuple[Head, ...]
    letterbox: bool = False

    @property
    def classes(self) -> int:
        """How many classes the network tells apart."""
        return self.heads[0].classes
