"""Turns an image into a vector of features with a network; start at `FeatureExtractor`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, ModelError
from ..object_detection.engines.engine import Weights
from ..object_detection.engines.registry import create_engine
from ..object_detection.preprocessing import Preprocessing

Pool = Literal["average", "none"]
POOLS: tuple[Pool, ...] = get_args(Pool)

_GREY = 114  # of 0 to 255, as letterboxes are padded


@dataclass(frozen=True)
class FeatureNetwork:
    """A network whose last layer computes the features.

    onnx: `(bytes,) uint8`. input_size: (width, height) in pixels. output: the name of the graph's
    only output. preprocessing: how an image becomes the input. weights: those outside of `onnx`,
    by path; see `Network.weights`.
    """

    onnx: NDArray[np.uint8]
    input_size: tuple[int, int]
    output: str
    preprocessing: Preprocessing
    weights: Weights = field(default_factory=dict)


class FeatureExtractor:
    """A network that is loaded into an engine.

    input_size: (width, height) in pixels. size: the number of features of an image. output: the
    name of the value that holds them.
    """

    def __init__(
        self, network: FeatureNetwork, *, engine: str = "opencv", pool: Pool = "average"
    ) -> None:
        """Loads `network` into `engine` and runs it once, on a grey image.

        Args:
            network: the result of an importer; its ONNX bytes are not kept.
            engine: a name in `ENGINE_NAMES`.
            pool: "average" turns an output `(1, C, H, W)` into C features, the mean of each
                channel; "none" into C * H * W features. An output `(1, F)` is F features.

        Raises:
            ModelError: the engine cannot run the network, or the output has another shape or is
                not finite.
        """
        self.input_size = network.input_size
        self.output = network.output
        self._preprocessing = network.preprocessing
        self._pool = pool
        self._engine = create_engine(
            engine, network.onnx, (network.output,), weights=network.weights
        )
        width, height = network.input_size
        grey = self._features(np.full((height, width, 3), _GREY, np.uint8))
        if not np.isfinite(grey).all():
            raise ModelError(
                f"its layer {self.output} is not finite on a plain grey image; "
                "are the weights complete?"
            )
        self.size = len(grey)

    def extract(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the features, `(size,)` float32, of an image, `(H, W, 3)` uint8 BGR.

        Raises:
            ImageError: the features are not finite. They were finite on the grey image, so the
                cause is this image, and trying it again would not help.
            ModelError: the engine cannot run the network.
        """
        features = self._features(image)
        if not np.isfinite(features).all():
            raise ImageError(
                f"its features are not finite: {self.output} overflows on it, "
                "but not on a grey image"
            )
        return features

    def _features(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        blob, _ = self._preprocessing.apply(image, self.input_size)
        (value,) = self._engine.forward(blob)
        if value.ndim not in (2, 4) or value.shape[0] != 1:
            raise ModelError(
                f"its layer {self.output} is {list(value.shape)}; "
                "features need [1, channels, height, width] or [1, features]"
            )
        if value.ndim == 4 and self._pool == "average":
            value = value.mean(axis=(2, 3))
        # a copy, because an engine may write its next output to the same memory
        features: NDArray[np.float32] = value.reshape(-1).copy()
        return features
