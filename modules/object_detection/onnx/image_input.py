"""How a detector in ONNX takes its image; start at `read_image_input`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ..engines.engine import Inputs
from ..heads.exporter_metadata import literal
from ..input_form import InputForm
from ..model_description import Description
from ..preprocessing import NO_MEAN, NO_STD, Preprocessing
from .checks import MAX_INPUT_SIDE, form_of, image_input, sides_of
from .extra_inputs import EXTRA_INPUTS, extra_inputs
from .reader import OnnxFile, Tensor

_STRIDE = 32  # of the deepest level, if the metadata does not give it


@dataclass(frozen=True)
class ImageInput:
    """The input that takes the image.

    size: (width, height) in pixels. inputs: its name, and the values of all other inputs.
    """

    size: tuple[int, int]
    form: InputForm
    inputs: Inputs


def complete(
    preprocessing: Preprocessing, form: InputForm, description: Description
) -> Preprocessing:
    """Returns `preprocessing` for an input of that form.

    An input of uint8 takes the pixels as they are; the network itself scales them.

    Args:
        preprocessing: what the network was trained with.
        form: of the network's input.
        description: the keys that model.json gives.

    Raises:
        ModelError: model.json gives values that pixels of uint8 cannot have.
    """
    if not form.is_uint8:
        return replace(preprocessing, form=form)
    for key in ("scale", "mean", "std"):
        given = getattr(description, key)
        if given is not None and not (key == "scale" and given == 1):
            shown = f"{given:.6g}" if key == "scale" else list(given)
            raise ModelError(
                f"model.json: {key} is {shown}, but the network's input takes uint8: pixels from 0 "
                f"to 255, which the network itself scales; remove {key}"
            )
    return replace(preprocessing, form=form, scale=1.0, mean=NO_MEAN, std=NO_STD)


def read_image_input(file: OnnxFile, description: Description) -> ImageInput:
    """Finds the input that takes the image, its size and form, and the values of all others.

    Raises:
        ModelError: the inputs are not those of a detector, or model.json contradicts them.
    """
    image = image_input(file.inputs, ignored=EXTRA_INPUTS)
    free = None in sides_of(image)
    size = _free_size(file, description) if free else _fixed_size(image, description)
    if max(size) > MAX_INPUT_SIDE:
        raise ModelError(f"its input is {image}; a side may have up to {MAX_INPUT_SIDE} pixels")
    form = form_of(image)
    return ImageInput(size, form, Inputs(image.name, _others(file, size, form.batch)))


def _others(file: OnnxFile, size: tuple[int, int], batch: int) -> Mapping[str, NDArray[Any]]:
    """Returns the values of the other inputs; each image of a batch has the same."""
    one = [
        replace(tensor, shape=(1, *tensor.shape[1:]))
        if batch > 1 and tensor.shape and tensor.shape[0] == batch
        else tensor
        for tensor in file.inputs
    ]
    values = extra_inputs(one, size)
    return {name: np.repeat(value, batch, axis=0) for name, value in values.items()}


def _fixed_size(image: Tensor, description: Description) -> tuple[int, int]:
    width, height = sides_of(image)
    if description.input not in (None, (width, height)):
        raise ModelError(f"model.json: input is {description.input}; it is fixed, at {image}")
    return width or 0, height or 0


def _free_size(file: OnnxFile, description: Description) -> tuple[int, int]:
    """Returns model.json's size, or the metadata's, [height, width], or else 640 x 640."""
    stride = literal(file.metadata, "stride")
    stride = stride if isinstance(stride, int) and 0 < stride <= 256 else _STRIDE
    size: Any = description.input
    if size is None:
        size = literal(file.metadata, "imgsz")
        size = tuple(reversed(size)) if isinstance(size, list) else (640, 640)
    if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
        raise ModelError(
            f"the imgsz in its metadata is {file.metadata['imgsz']}; "
            "it must be height and width, like [640, 640]"
        )
    width, height = size
    if width % stride or height % stride:
        raise ModelError(
            f"its input cannot be {width} x {height}: both must be multiples of {stride}; "
            "model.json may give another `input`"
        )
    return width, height
