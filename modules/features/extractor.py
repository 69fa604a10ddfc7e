"""Pixels -> a vector of features, taken from inside a network; start at `FeatureExtractor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, ModelError
from ..object_detection.engines.registry import create_engine
from ..object_detection.preprocessing import Preprocessing

Pool = Literal["average", "none"]
POOLS: tuple[Pool, ...] = get_args(Pool)

_GREY = 114  # 0 to 255


@dataclass(frozen=True)
class FeatureNetwork:
    """A network that ends at the layer whose values are the features.

    onnx: `(bytes,) uint8`. input_size: (width, height) in pixels. output: the name of the graph's
    one output. preprocessing: how it was trained to be fed.
    """

    onnx: NDArray[np.uint8]
    input_size: tuple[int, int]
    output: str
    preprocessing: Preprocessing


class FeatureExtractor:
    """One network, loaded and ready.

    size: how many features an image has.
    """

    def __init__(
        self, network: FeatureNetwork, *, engine: str = "opencv", pool: Pool = "average"
    ) -> None:
        """Loads `network` into `engine` and runs it once, on grey.

        Args:
            network: what an importer made; its ONNX bytes are not kept.
            engine: a name in `ENGINE_NAMES`.
            pool: "average" makes one feature of each channel of a value `(1, C, H, W)`, "none"
                one of each number; a value `(1, F)` is taken as it is.

        Raises:
            ModelError: the engine cannot run the network, or what it puts out are no features.
        """
        self.input_size = network.input_size
        self._output = network.output
        self._preprocessing = network.preprocessing
        self._pool = pool
        self._engine = create_engine(engine, network.onnx, (network.output,))
        width, height = network.input_size
        grey = self._features(np.full((height, width, 3), _GREY, np.uint8))
        if not np.isfinite(grey).all():
            raise ModelError(
                f"its layer {self._output} is not finite on a plain grey image; "
                "are the weights whole?"
            )
        self.size = len(grey)

    def extract(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The features, `(size,)` float32, of an image `(H, W, 3)` uint8 BGR.

        Raises:
            ImageError: they are not finite. The network's are on grey, so that it is this image
                that they overflow on, and will again.
            ModelError: the engine cannot run the network.
        """
        features = self._features(image)
        if not np.isfinite(features).all():
            raise ImageError(
                f"its features are not finite: {self._output} overflows on it, "
                "though not on a grey image"
            )
        return features

    def _features(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        blob, _ = self._preprocessing.apply(image, self.input_size)
        (value,) = self._engine.forward(blob)
        if value.ndim not in (2, 4) or value.shape[0] != 1:
            raise ModelError(
                f"its layer {self._output} is {list(value.shape)}; "
                "features are taken of [1, channels, height, width] or [1, features]"
            )
        if value.ndim == 4 and self._pool == "average":
            value = value.mean(axis=(2, 3))
        # a copy, as an engine may write its next output where this one lies
        features: NDArray[np.float32] = value.reshape(-1).copy()
        return features
