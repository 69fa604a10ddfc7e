"""What an importer hands to a detector: a network in ONNX, and how to feed and read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .heads.head import Head
from .preprocessing import Preprocessing


@dataclass(frozen=True)
class Network:
    """A network ready for an engine.

    onnx: `(bytes,) uint8`. input_size: (width, height) in pixels. outputs: those of the graph's
    outputs that the head decodes, in its order. preprocessing: how it was trained to be fed.
    labels: the classes' names; empty where nobody has said them. weights: those that lie beside
    `onnx`, to which they are but a path (`Graph.serialise_apart`): they live as long as this does.
    None where it has all.
    """

    onnx: NDArray[np.uint8]
    input_size: tuple[int, int]
    outputs: tuple[str, ...]
    head: Head
    preprocessing: Preprocessing
    labels: tuple[str, ...] = ()
    weights: Mapping[str, NDArray[np.float32]] | None = None

    @property
    def classes(self) -> int:
        """How many classes the network tells apart."""
        return self.head.classes
