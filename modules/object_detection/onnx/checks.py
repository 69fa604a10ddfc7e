"""The checks on an ONNX file that every use of it needs, and its embedded `model.json`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ...errors import EngineError, ModelError
from ..engines.registry import FALLBACK, engine_class
from ..input_form import InputForm, read_form
from ..model_description import Description, parse_description
from .reader import OnnxFile, Tensor

MAX_INPUT_SIDE = 4096  # pixels


def refuse_unusable(file: OnnxFile, engine: str) -> None:
    """Refuses a file that no engine can run, or that the engine named `engine` cannot run.

    Raises:
        ModelError: weights in half precision; operators that crash the engine, or that it computes
            wrongly.
    """
    for operator in sorted(file.operators):
        if operator.endswith("_TRT"):
            raise ModelError(
                f"it has the operator {operator}, which only TensorRT runs; export it without "
                "--end2end (YOLOv7: with --grid), or add --max-wh"
            )
    if "float16" in file.precisions and not engine_class(engine).half_precision:
        raise EngineError(
            f"its weights have half precision, which the engine {engine} does not support; export "
            "it in single precision",
            FALLBACK,
        )
    wrong = sorted(file.operators & engine_class(engine).wrong_operators)
    if wrong:
        raise EngineError(
            f"it computes with integers of 8 bits ({', '.join(wrong)}), which the engine {engine} "
            "gets wrong for some sizes; export it without quantisation",
            FALLBACK,
        )
    dangerous = sorted(file.operators & engine_class(engine).dangerous_operators)
    if dangerous:
        raise EngineError(
            f"it holds {', '.join(dangerous)}, on which the engine {engine} crashes when an image "
            "has nothing to find; export it without NMS inside",
            FALLBACK,
        )


def image_input(inputs: Sequence[Tensor], *, ignored: Collection[str] = ()) -> Tensor:
    """Returns the one input, which must take a colour image; see `form_of`.

    ignored: the names of inputs that may be there besides.

    Raises:
        ModelError: there are several inputs, or the input is not for a colour image.
    """
    images = [tensor for tensor in inputs if tensor.name not in ignored]
    if len(images) != 1:
        known = f"; known besides the image are {', '.join(sorted(ignored))}" if ignored else ""
        raise ModelError(f"it must have one input; it has {', '.join(map(str, inputs))}{known}")
    (image,) = images
    form_of(image)
    return image


def form_of(image: Tensor) -> InputForm:
    """Returns the form of an input that takes images.

    Raises:
        ModelError: it is no input for a colour image, or for too many images at once.
    """
    return read_form(str(image), image.shape, image.element)


def sides_of(image: Tensor) -> tuple[int | None, int | None]:
    """Returns (width, height) of such an input in pixels; None for a side that is left open."""
    _, *sizes = image.shape or (None,) * 4
    height, width = sizes[:2] if form_of(image).channels_last else sizes[1:]
    return width, height


def embedded_description(file: OnnxFile) -> Description:
    """Parses the `model.json` in the file's metadata, which `models convert` writes."""
    text = file.metadata.get("model.json")
    return Description() if text is None else parse_description(text)
