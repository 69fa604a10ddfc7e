"""What an engine is: it runs one network behind one small interface; see `Engine`."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError

Blob = NDArray[np.float32]


class Engine(Protocol):
    """A loaded network.

    outputs: those that `forward` computes, in that order; they may be set anew.
    """

    outputs: tuple[str, ...]

    def forward(self, blob: Blob) -> list[Blob]:
        """One forward pass: `(1, 3, H, W)` float32 in, the raw outputs in their order out.

        Raises:
            ModelError: the engine cannot run the network.
        """


def as_float32(output: Any) -> Blob:
    """Converts an output of integers or half floats to what the heads take."""
    array: Blob = np.asarray(output).astype(np.float32, copy=False)
    return array


def engine_error(what: str, error: Exception, other: str) -> ModelError:
    """Says what failed and why, and which `other` engine may do it."""
    reason = " ".join(str(error).split())
    return ModelError(f"{what}: {reason}; ENGINE={other} may")
