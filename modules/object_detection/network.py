"""What an importer hands to a detector: a network in ONNX, and how to feed and read it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .heads import Head
from .preprocessing import Preprocessing


@dataclass(frozen=True)
class Network:
    """A network ready for an engine.

    onnx: `(bytes,) uint8`. input_size: (width, height) in pixels. outputs: those of the graph's
    outputs that the head decodes, in its order. preprocessing: how it was trained to be fed.
    labels: the classes' names; empty where nobody has said them.
    """

    onnx: NDArray[np.uint8]
    input_size: tuple[int, int]
    outputs: tuple[str, ...]
    head: Head
    preprocessing: Preprocessing
    labels: tuple[str, ...] = ()

    @property
    def classes(self) -> int:
        """How many classes the network tells apart."""
        return self.head.classes
