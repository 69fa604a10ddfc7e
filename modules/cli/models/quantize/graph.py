"""Prepares a float network for quantisation, and finds the layers that stay in float.

Start at `prepare` and `float_layers`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....errors import ModelError

if TYPE_CHECKING:
    import onnx

_OPSET = 17  # scales per channel need 13
_FEATURES = "Conv"  # the operator that turns feature maps into feature maps


def prepare(model: onnx.ModelProto, path: Path, input_name: str, shape: Sequence[int]) -> None:
    """Writes a network so that it can be quantised: in a new opset, constants and norms folded.

    Args:
        model: the network in float, all weights inside; its metadata stay.
        path: the file to write.
        input_name: the input that takes the image.
        shape: of that input; sizes that the network leaves open become these.

    Raises:
        ModelError: the network cannot be rewritten.
    """
    import onnx
    import onnxruntime
    from onnx import version_converter

    try:
        if _opset(model) < _OPSET:
            model = version_converter.convert_version(model, _OPSET)
        _fix_input(model, input_name, shape)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(path)
        options.log_severity_level = 3
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        onnx.save(onnx.shape_inference.infer_shapes(onnx.load(path)), path)
    except Exception as error:  # neither package has a public base class for its exceptions
        reason = " ".join(str(error).split())
        raise ModelError(f"ONNX Runtime cannot prepare the network: {reason}") from error


def _opset(model: onnx.ModelProto) -> int:
    return max(int(each.version) for each in model.opset_import if each.domain in ("", "ai.onnx"))


def _fix_input(model: onnx.ModelProto, name: str, shape: Sequence[int]) -> None:
    for tensor in model.graph.input:
        if tensor.name == name:
            for size, value in zip(tensor.type.tensor_type.shape.dim, shape, strict=True):
                size.dim_value = value


def float_layers(model: onnx.ModelProto, input_name: str) -> tuple[set[str], int, int]:
    """Finds the layers that stay in float: the first convolution and the heads.

    A head is the last convolution on each way to an output, which predicts the values of a grid of
    cells, with all that decodes them. A convolution on something else than a feature map (the
    weighted sums of YOLOv8's box distances) belongs to the decoding. In networks whose last part is
    a transformer, that part is the head.

    Args:
        model: as `prepare` wrote it.
        input_name: the input that takes the image.

    Returns:
        The names of the nodes that stay in float; the number of other convolutions, and of all.
    """
    shapes = dict(_shapes(model.graph))
    makers = {output: node for node in model.graph.node for output in node.output}
    kept: set[str] = set()
    names, seen = [output.name for output in model.graph.output], set[str]()
    while names:
        name = names.pop()
        if name in seen or name not in makers:
            continue
        seen.add(name)
        node = makers[name]
        kept.add(node.name)
        if node.op_type != _FEATURES or not _is_feature_map(node, shapes, shapes[input_name]):
            names += node.input
    convolutions = [node for node in model.graph.node if node.op_type == _FEATURES]
    kept |= {node.name for node in convolutions if _reads(node, input_name, makers)}
    left = sum(node.name not in kept for node in convolutions)
    return kept, left, len(convolutions)


def _shapes(graph: onnx.GraphProto) -> Iterator[tuple[str, list[int]]]:
    """Yields the name and the shape of each value; 0 for a size that is not known."""
    for value in (*graph.input, *graph.value_info, *graph.output):
        yield value.name, [size.dim_value for size in value.type.tensor_type.shape.dim]


def _is_feature_map(node: Any, shapes: dict[str, list[int]], image: list[int]) -> bool:
    """Returns whether a convolution's input covers the image with square cells."""
    shape = shapes.get(node.input[0], [])
    if len(shape) != 4 or not all(shape[2:]) or len(image) != 4:
        return len(shape) in (0, 4)  # not known
    height, width = image[2:] if image[1] <= image[3] else image[1:3]
    rows, columns = height / shape[2], width / shape[3]
    return min(rows, columns) >= 1 and max(rows, columns) < 1.5 * min(rows, columns)


def _reads(node: Any, name: str, makers: dict[str, Any]) -> bool:
    """Returns whether no other convolution lies between the input `name` and `node`."""
    names = [node.input[0]]
    while names:
        source = names.pop()
        if source == name:
            return True
        maker = makers.get(source)
        if maker is not None and maker.op_type != _FEATURES:
            names += maker.input
    return False
