"""Runs one network behind one small interface; start at `create_engine`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from .errors import ModelError

# Those that load weights from beside the ONNX bytes: OpenCV's reader of Protocol Buffers, and then
# OpenCV itself, would each have a copy, at four times a model's size in all; so there is one
READ_WEIGHTS_APART = frozenset({"opencv"})

Blob = NDArray[np.float32]

# What an engine may not be given. OpenCV 5.0.0 divides by zero, which ends the process, once one
# of these leaves nothing for the operators behind it (GatherND, Slice) to work on.
DANGEROUS_OPERATORS = {
    "opencv": frozenset({"NonMaxSuppression", "NonZero", "Compress", "Unique"}),
}


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


class OpenCvEngine:
    """OpenCV's own DNN module, the default: nothing besides OpenCV to install or to load.

    `outputs` are to be all that the graph has: OpenCV 5.0.0 cannot put out some of them.
    """

    def __init__(self, onnx: NDArray[np.uint8], outputs: Sequence[str]) -> None:
        try:
            self._net = cv2.dnn.readNetFromONNX(onnx)
        except cv2.error as error:
            raise _engine_error("OpenCV cannot load this network", error, "onnxruntime") from error
        self.outputs = self._all = tuple(outputs)

    def forward(self, blob: Blob) -> list[Blob]:
        """One forward pass; see `Engine`."""
        try:
            self._net.setInput(blob)
            found = dict(zip(self._all, self._net.forward(self._all), strict=True))
        except cv2.error as error:
            raise _engine_error("OpenCV cannot run this network", error, "onnxruntime") from error
        return [_as_float32(found[name]) for name in self.outputs]


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
            raise _engine_error("ONNX Runtime cannot load this network", error, "opencv") from error
        image = self._session.get_inputs()[0]
        self._input = image.name
        self._type = np.float16 if image.type == "tensor(float16)" else np.float32
        self.outputs = tuple(outputs)

    def forward(self, blob: Blob) -> list[Blob]:
        """One forward pass; see `Engine`."""
        try:
            feed = {self._input: blob.astype(self._type, copy=False)}
            return [_as_float32(output) for output in self._session.run(self.outputs, feed)]
        except Exception as error:
            raise _engine_error("ONNX Runtime cannot run this network", error, "opencv") from error


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


def _as_float32(output: Any) -> Blob:
    """An output as the heads want it; integers and half floats are converted."""
    array: Blob = np.asarray(output).astype(np.float32, copy=False)
    return array


def _engine_error(what: str, error: Exception, other: str) -> ModelError:
    reason = " ".join(str(error).split())
    return ModelError(f"{what}: {reason}; ENGINE={other} may")
