"""The inputs that detectors have besides the image; start at `extra_inputs`.

Networks with such inputs place their boxes on the original image, whose size they are told. They
are told the size of their own input instead: then the boxes are in pixels of the input, like those
of other networks, and `Placement` converts them, stretched or letterboxed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from .reader import Tensor

_TYPES = {
    "float32": np.float32,
    "float16": np.float16,
    "float64": np.float64,
    "int32": np.int32,
    "int64": np.int64,
}


def _width_height(width: int, height: int, _: Tensor) -> NDArray[np.float64]:
    return np.array([[width, height]], float)


def _height_width(width: int, height: int, _: Tensor) -> NDArray[np.float64]:
    return np.array([[height, width]], float)


def _no_scaling(_: int, __: int, ___: Tensor) -> NDArray[np.float64]:
    return np.ones((1, 2))


def _all_pixels(width: int, height: int, tensor: Tensor) -> NDArray[np.float64]:
    _, rows, columns = tensor.shape or (None, None, None)
    return np.ones((1, rows or height, columns or width))


# For each name, the number of dimensions and the value for an input of so many pixels:
# (width, height) of the original, RT-DETR's and D-FINE's (postprocessor.py, `orig_target_sizes`);
# (height, width) of the input, and its ratio to the original, PaddleDetection's
# (deploy/python/preprocess.py); 1 for each pixel that is not padding, DETR's in transformers
EXTRA_INPUTS: dict[str, tuple[int, Callable[[int, int, Tensor], NDArray[np.float64]]]] = {
    "orig_target_sizes": (2, _width_height),
    "im_shape": (2, _height_width),
    "scale_factor": (2, _no_scaling),
    "pixel_mask": (3, _all_pixels),
}


def extra_inputs(
    inputs: Sequence[Tensor], input_size: tuple[int, int]
) -> Mapping[str, NDArray[Any]]:
    """Returns the values of the inputs that are in `EXTRA_INPUTS`, by name.

    input_size: (width, height) of the image input, in pixels.

    Raises:
        ModelError: such an input has another shape, or a type that is not a number.
    """
    found = {}
    for tensor in inputs:
        if tensor.name not in EXTRA_INPUTS:
            continue
        dimensions, value = EXTRA_INPUTS[tensor.name]
        shape = tensor.shape or (None,) * dimensions
        if tensor.element not in _TYPES or len(shape) != dimensions:
            raise ModelError(
                f"its input is {tensor}; an input of this name must be numbers of "
                f"{dimensions} dimensions"
            )
        array = value(*input_size, tensor)
        if any(size not in (None, own) for size, own in zip(shape, array.shape, strict=True)):
            raise ModelError(
                f"its input is {tensor}; an input of this name must be {list(array.shape)}"
            )
        found[tensor.name] = array.astype(_TYPES[tensor.element])
    return found
