"""Microsoft's ONNX Runtime, an optional package; see `OnnxRuntimeEngine`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from .engine import IMAGE_ONLY, NO_WEIGHTS, Blob, Inputs, Weights, as_float32, engine_error

_TYPES: dict[str, type[np.generic]] = {"tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


class OnnxRuntimeEngine:
    """Microsoft's ONNX Runtime; it uses as many threads as OpenCV is set to use."""

    external_weights: ClassVar = False
    needs_dimensions: ClassVar = False
    half_precision: ClassVar = True
    dangerous_operators: ClassVar[frozenset[str]] = frozenset()
    wrong_operators: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        onnx: NDArray[np.uint8],
        outputs: Sequence[str],
        inputs: Inputs = IMAGE_ONLY,
        weights: Weights = NO_WEIGHTS,
    ) -> None:
        """Loads a network; see `Engine`."""
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
            options.add_external_initializers_from_files_in_memory(
                list(weights), list(weights.values()), [len(data) for data in weights.values()]
            )
            self._session = onnxruntime.InferenceSession(
                onnx.tobytes(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no public base class
            raise engine_error("ONNX Runtime cannot load this network", error, "opencv") from error
        found = {each.name: each for each in self._session.get_inputs()}
        image = found[inputs.image] if inputs.image else next(iter(found.values()))
        self._input = image.name
        self._constants = inputs.constants
        self._type = _TYPES.get(image.type, np.float32)
        self.outputs = tuple(outputs)

    def forward(self, blob: NDArray[Any]) -> list[Blob]:
        """Runs the network; see `Engine`."""
        try:
            feed = {**self._constants, self._input: blob.astype(self._type, copy=False)}
            return [as_float32(output) for output in self._session.run(self.outputs, feed)]
        except Exception as error:
            raise engine_error("ONNX Runtime cannot run this network", error, "opencv") from error
