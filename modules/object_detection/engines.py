"""Runs one network behind one small interface; start at `create_engine`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from .errors import ModelError

Blob = NDArray[np.float32]


class Engine(Protocol):
    """A loaded network.

    outputs: those that `forward` computes, in that order; they may be set anew.
    """

    outputs: tuple[str, ...]

    def forward(self, blob: Blob) -> list[Blob]:
        """One forward pass: `(1, 3, H, W)` float32 in, the raw outputs in their order out."""


class OpenCvEngine:
    """OpenCV's own DNN module, the default: nothing besides OpenCV to install or to load."""

    def __init__(self, onnx: NDArray[np.uint8], outputs: Sequence[str]) -> None:
        try:
            self._net = cv2.dnn.readNetFromONNX(onnx)
        except cv2.error as error:
            raise ModelError(f"OpenCV cannot load this network: {error}") from error
        self.outputs = tuple(outputs)

    def forward(self, blob: Blob) -> list[Blob]:
        """One forward pass; see `Engine`."""
        self._net.setInput(blob)
        return list(self._net.forward(self.outputs))


class OnnxRuntimeEngine:
    """Microsoft's ONNX Runtime, where it is installed."""

    def __init__(self, onnx: NDArray[np.uint8], outputs: Sequence[str]) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(
                "ENGINE=onnxruntime needs the package onnxruntime, which is not installed; "
                "install it, or use ENGINE=opencv"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cv2.getNumThreads()
        try:
            self._session = onnxruntime.InferenceSession(
                onnx.tobytes(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no public base class
            raise ModelError(f"ONNX Runtime cannot load this network: {error}") from error
        self._input = self._session.get_inputs()[0].name
        self.outputs = tuple(outputs)

    def forward(self, blob: Blob) -> list[Blob]:
        """One forward pass; see `Engine`."""
        return list(self._session.run(self.outputs, {self._input: blob}))


ENGINES: dict[str, Callable[[NDArray[np.uint8], Sequence[str]], Engine]] = {
    "opencv": OpenCvEngine,
    "onnxruntime": OnnxRuntimeEngine,
}


def create_engine(name: str, onnx: NDArray[np.uint8], outputs: Sequence[str]) -> Engine:
    """Loads a network, `(bytes,) uint8` ONNX, into the engine of that name.

    Raises:
        ModelError: the engine is not installed, or cannot load the network.
    """
    return ENGINES[name](onnx, outputs)
