"""OpenCV's DNN module, the default engine; see `OpenCvEngine`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ..onnx.outside_weights import outside
from ..onnx.vector_products import without_vectors
from .engine import IMAGE_ONLY, NO_WEIGHTS, Blob, Inputs, Weights, as_float32, engine_error


class OpenCvEngine:
    """OpenCV's DNN module: it needs no package but OpenCV.

    The `outputs` that it is made with must be all outputs of the graph: OpenCV 5.0.0 cannot compute
    only some of them.
    """

    # OpenCV's Protocol Buffers reader and then OpenCV itself would each hold a copy of weights that
    # are in the ONNX bytes, four times the model's size in all; external weights exist once
    external_weights: ClassVar = True
    # It requires some number, and does not check it
    needs_dimensions: ClassVar = True
    # It cannot load some networks with such weights
    half_precision: ClassVar = False
    # OpenCV 5.0.0 divides by zero, which ends the process, when one of these operators leaves
    # nothing for the operators behind it (GatherND, Slice) to work on
    dangerous_operators: ClassVar = frozenset(
        {"NonMaxSuppression", "NonZero", "Compress", "Unique"}
    )
    # OpenCV 5.0.0 computes wrong values for convolutions with int8 weights if the number of output
    # positions is not a multiple of its vectors' length, such as for 10 x 10, and reports no error.
    # It does not load networks whose ranges of integers are computed for each image.
    wrong_operators: ClassVar = frozenset(
        {
            "QuantizeLinear",
            "DynamicQuantizeLinear",
            "QLinearConv",
            "QLinearMatMul",
            "ConvInteger",
            "MatMulInteger",
        }
    )

    def __init__(
        self,
        onnx: NDArray[np.uint8],
        outputs: Sequence[str],
        inputs: Inputs = IMAGE_ONLY,
        weights: Weights = NO_WEIGHTS,
    ) -> None:
        """Loads a network; see `Engine`."""
        try:
            graph, file = outside(without_vectors(onnx))
            self._net = cv2.dnn.readNetFromONNX(graph)
            del file  # until here, the graph refers to it
        except cv2.error as error:
            raise engine_error("OpenCV cannot load this network", error, "onnxruntime") from error
        self.outputs = self._all = tuple(outputs)
        self._inputs = inputs

    def forward(self, blob: NDArray[Any]) -> list[Blob]:
        """Runs the network; see `Engine`."""
        try:
            for name, value in self._inputs.constants.items():
                self._net.setInput(value, name)
            self._net.setInput(blob, self._inputs.image)
            found = dict(zip(self._all, self._net.forward(self._all), strict=True))
        except cv2.error as error:
            raise engine_error("OpenCV cannot run this network", error, "onnxruntime") from error
        return [as_float32(found[name]) for name in self.outputs]
