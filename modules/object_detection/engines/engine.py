"""What an engine is: it runs one network behind one small interface; see `Engine`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import EngineError

Blob = NDArray[np.float32]
Weights = Mapping[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class Inputs:
    """The inputs of a network.

    image: the name of the one that takes the image; "" for the first. constants: the values of all
    others, by name, which are the same for each image.
    """

    image: str = ""
    constants: Mapping[str, NDArray[Any]] = field(default_factory=dict)


IMAGE_ONLY = Inputs()
NO_WEIGHTS: Weights = {}


class Engine(Protocol):
    """A loaded network.

    outputs: those that `forward` returns, in this order; the caller may change them.
    external_weights: whether to hand over weights outside the ONNX bytes
    (`Graph.serialise_with_external_weights`). needs_dimensions: whether each output in the ONNX
    bytes must declare how many dimensions it has. half_precision: whether weights may be float16.
    dangerous_operators: the operators that crash the process on some images. wrong_operators:
    those of layers of integers, which the engine computes wrongly.
    """

    outputs: tuple[str, ...]
    external_weights: ClassVar[bool]
    needs_dimensions: ClassVar[bool]
    half_precision: ClassVar[bool]
    dangerous_operators: ClassVar[frozenset[str]]
    wrong_operators: ClassVar[frozenset[str]]

    def __init__(
        self,
        onnx: NDArray[np.uint8],
        outputs: Sequence[str],
        inputs: Inputs = IMAGE_ONLY,
        weights: Weights = NO_WEIGHTS,
    ) -> None:
        """Loads a network, `(bytes,) uint8` ONNX, that has these outputs and inputs.

        weights: the contents of the files in memory that the bytes refer to, by path
        (onnx/external_data.py). They must exist until the network is loaded.

        Raises:
            ModelError: the engine is not installed, or cannot load the network.
        """

    def forward(self, blob: NDArray[Any]) -> list[Blob]:
        """Runs the network on a blob, `(1, 3, H, W)` float32 or as `InputForm` says it.

        Returns the raw outputs.

        Raises:
            ModelError: the engine cannot run the network.
        """


def as_float32(output: Any) -> Blob:
    """Converts an output of integers or half floats to float32, which heads decode."""
    array: Blob = np.asarray(output).astype(np.float32, copy=False)
    return array


def engine_error(what: str, error: Exception, other: str) -> EngineError:
    """Makes an error that describes the failure and names `other`, an engine that may succeed."""
    reason = " ".join(str(error).split())
    return EngineError(f"{what}: {reason}", other)
