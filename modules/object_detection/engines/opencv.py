"""OpenCV's DNN module, the default engine; see `OpenCvEngine`."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .engine import Blob, as_float32, engine_error


class OpenCvEngine:
    """OpenCV's own DNN module, the default: nothing besides OpenCV to install or to load.

    `outputs` are to be all that the graph has: OpenCV 5.0.0 cannot put out some of them.
    """

    def __init__(self, onnx: NDArray[np.uint8], outputs: Sequence[str]) -> None:
        try:
            self._net = cv2.dnn.readNetFromONNX(onnx)
        except cv2.error as error:
            raise engine_error("OpenCV cannot load this network", error, "onnxruntime") from error
        self.outputs = self._all = tuple(outputs)

    def forward(self, blob: Blob) -> list[Blob]:
        """One forward pass; see `Engine`."""
        try:
            self._net.setInput(blob)
            found = dict(zip(self._all, self._net.forward(self._all), strict=True))
        except cv2.error as error:
            raise engine_error("OpenCV cannot run this network", error, "onnxruntime") from error
        return [as_float32(found[name]) for name in self.outputs]
