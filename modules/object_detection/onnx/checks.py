"""What any use of an ONNX file asks of it, and what the file may say of how it is fed."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import ModelError
from ..engines.registry import DANGEROUS_OPERATORS
from ..model_description import Description, parse_description
from .reader import OnnxFile, Tensor

MOST_PIXELS = 4096  # a side of the input


def refuse_unusable(file: OnnxFile, engine: str) -> None:
    """Refuses what the file itself shows that no engine can run, or not this one.

    Raises:
        ModelError: weights in another file, or of half precision; operators that do harm.
    """
    if file.external:
        raise ModelError(
            "its weights lie in another file; save it as one, up to 2 GB: "
            "onnx.save_model(model, path, save_as_external_data=False)"
        )
    for operator in sorted(file.operators):
        if operator.endswith("_TRT"):
            raise ModelError(
                f"it holds {operator}, which TensorRT alone runs; export it without --end2end "
                "(YOLOv7: with --grid), or give --max-wh too"
            )
    if engine == "opencv" and "float16" in file.precisions:
        raise ModelError(
            "its weights are of half precision, on which OpenCV breaks down; set "
            "ENGINE=onnxruntime, or export it in single precision"
        )
    dangerous = sorted(file.operators & DANGEROUS_OPERATORS.get(engine, frozenset()))
    if dangerous:
        raise ModelError(
            f"it holds {', '.join(dangerous)}, on which OpenCV breaks down once an image has "
            "nothing to find; set ENGINE=onnxruntime, or export it without NMS inside"
        )


def image_input(inputs: Sequence[Tensor]) -> Tensor:
    """The one input, an image with its channels first.

    Raises:
        ModelError: there are several, or it is no image, or not of floats.
    """
    if len(inputs) != 1:
        raise ModelError(f"it must have one input; it has {', '.join(map(str, inputs))}")
    (image,) = inputs
    shape = image.shape or (None,) * 4
    if len(shape) != 4 or shape[1] not in (3, None):
        advice = "; export it with channels first (NCHW)" if shape[-1] == 3 else ""
        raise ModelError(f"its input is {image}; it must be [1, 3, height, width]{advice}")
    if image.element not in ("float32", "float16"):
        raise ModelError(f"its input is {image}; it must take float32 or float16")
    return image


def own_description(file: OnnxFile) -> Description:
    """What `models convert` writes into the files that it makes."""
    text = file.metadata.get("model.json")
    return Description() if text is None else parse_description(text)
