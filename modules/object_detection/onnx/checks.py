"""The checks on an ONNX file that every use of it needs, and its embedded `model.json`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ...errors import ModelError
from ..engines.registry import engine_class
from ..model_description import Description, parse_description
from .reader import OnnxFile, Tensor

MAX_INPUT_SIDE = 4096  # pixels


def refuse_unusable(file: OnnxFile, engine: str) -> None:
    """Refuses a file that no engine can run, or that the engine named `engine` cannot run.

    Raises:
        ModelError: weights in half precision; operators that crash the engine.
    """
    for operator in sorted(file.operators):
        if operator.endswith("_TRT"):
            raise ModelError(
                f"it has the operator {operator}, which only TensorRT runs; export it without "
                "--end2end (YOLOv7: with --grid), or add --max-wh"
            )
    if "float16" in file.precisions and not engine_class(engine).half_precision:
        raise ModelError(
            f"its weights have half precision, which the engine {engine} does not support; set "
            "ENGINE=onnxruntime, or export it in single precision"
        )
    dangerous = sorted(file.operators & engine_class(engine).dangerous_operators)
    if dangerous:
        raise ModelError(
            f"it holds {', '.join(dangerous)}, on which the engine {engine} crashes when an image "
            "has nothing to find; set ENGINE=onnxruntime, or export it without NMS inside"
        )


def image_input(inputs: Sequence[Tensor], *, ignored: Collection[str] = ()) -> Tensor:
    """Returns the one input, which must be an image with its channels first.

    ignored: the names of inputs that may be there besides.

    Raises:
        ModelError: there are several inputs, or the input is not an image, or not floats.
    """
    images = [tensor for tensor in inputs if tensor.name not in ignored]
    if len(images) != 1:
        known = f"; known besides the image are {', '.join(sorted(ignored))}" if ignored else ""
        raise ModelError(f"it must have one input; it has {', '.join(map(str, inputs))}{known}")
    (image,) = images
    shape = image.shape or (None,) * 4
    if len(shape) != 4 or shape[1] not in (3, None):
        advice = "; export it with channels first (NCHW)" if shape[-1] == 3 else ""
        raise ModelError(f"its input is {image}; it must be [1, 3, height, width]{advice}")
    if image.element not in ("float32", "float16"):
        raise ModelError(f"its input is {image}; it must take float32 or float16")
    return image


def embedded_description(file: OnnxFile) -> Description:
    """Parses the `model.json` in the file's metadata, which `models convert` writes."""
    text = file.metadata.get("model.json")
    return Description() if text is None else parse_description(text)
