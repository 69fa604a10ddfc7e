"""A network in ONNX with its head and preprocessing: what importers make and detectors take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .engines.engine import IMAGE_ONLY, Inputs
from .heads.head import Head
from .preprocessing import Preprocessing


@dataclass(frozen=True)
class Network:
    """A network ready for an engine.

    onnx: `(bytes,) uint8`. input_size: (width, height) in pixels. outputs: the graph's outputs that
    the head decodes, in its order. preprocessing: what the network was trained with. labels: the
    class names; empty if they are unknown. weights: those outside of `onnx`, in files in memory to
    which it refers by their paths; the files exist as long as this object. By path, or for Darknet
    by the name of each tensor. None if `onnx` itself holds all weights. evidence: a noun phrase,
    what the head was recognised by; "" for Darknet, where the cfg names it. inputs: the one that
    takes the image, and the values of all others.
    """

    onnx: NDArray[np.uint8]
    input_size: tuple[int, int]
    outputs: tuple[str, ...]
    head: Head
    preprocessing: Preprocessing
    labels: tuple[str, ...] = ()
    weights: Mapping[str, NDArray[Any]] | None = None
    evidence: str = ""
    inputs: Inputs = IMAGE_ONLY

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.head.classes
