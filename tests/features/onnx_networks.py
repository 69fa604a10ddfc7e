"""Small ONNX networks for the tests of subgraphs, and ONNX Runtime as their reference."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from modules.features.subgraph import Subgraph, extract_subgraph
from modules.object_detection.engines.registry import create_engine
from tests.resnet50 import resnet50

Array = NDArray[np.float32]
ENGINES = ("opencv", "onnxruntime")
WIDTH = 8
FLATTEN = helper.make_node("Flatten", ["features"], ["flat"])


@functools.cache
def small_resnet() -> bytes:
    """Returns a narrow ResNet-50."""
    return bytes(resnet50(width=WIDTH).SerializeToString())


def small(
    nodes: Sequence[Any],
    output: str = "y",
    *,
    weights: dict[str, Any] | None = None,
    ir_version: int = 8,
    opset: int = 18,
) -> bytes:
    """Returns a network: a trunk of a Conv and a GlobalAveragePool, followed by `nodes`.

    The trunk takes `image`, `(1, 3, 8, 8)`, and computes `maps` in the node `first`, and
    `features`, `(1, 4, 1, 1)`, in the node `pool`.
    """
    rng = np.random.default_rng(2)
    kernel = rng.normal(size=(4, 3, 3, 3)).astype(np.float32)
    arrays = {"kernel": kernel, **(weights or {})}
    trunk = [
        helper.make_node("Conv", ["image", "kernel"], ["maps"], name="first"),
        helper.make_node("GlobalAveragePool", ["maps"], ["features"], name="pool"),
    ]
    graph = helper.make_graph(
        [*trunk, *nodes],
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])],
        [onnx.ValueInfoProto(name=output)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    return bytes(
        helper.make_model(graph, opset_imports=opsets, ir_version=ir_version).SerializeToString()
    )


def edited(data: bytes, edit: Callable[[ModelProto], None]) -> bytes:
    """Returns the file after `edit`."""
    model = onnx.load_from_string(data)
    edit(model)
    return bytes(model.SerializeToString())


def matrix(rows: int, columns: int) -> Array:
    """Returns random weights, `(rows, columns)`."""
    return np.random.default_rng(4).normal(size=(rows, columns)).astype(np.float32)


def random_image(size: tuple[int, int]) -> Array:
    """Returns noise between -1 and 1, `(1, 3, H, W)`; `size` is (width, height)."""
    width, height = size
    return np.random.default_rng(5).uniform(-1, 1, (1, 3, height, width)).astype(np.float32)


def extract(data: bytes, layer: str | None = None, **options: Any) -> Subgraph:
    """Calls `extract_subgraph` with bytes."""
    return extract_subgraph(np.frombuffer(data, np.uint8), layer=layer, **options)


def checked_graph(subgraph: Subgraph) -> Any:
    """Returns the graph of a subgraph that passes the onnx package's checker."""
    model = onnx.load_from_string(subgraph.onnx.tobytes())
    # the checker requires a shape, which may be empty
    model.graph.output[0].type.tensor_type.shape.SetInParent()
    onnx.checker.check_model(model)
    return model.graph


def value_in_whole_network(data: bytes, value: str, image: Array) -> Array:
    """Computes a value with ONNX Runtime in the whole network, as one more output."""

    def add_output(model: ModelProto) -> None:
        for dimension in model.graph.input[0].type.tensor_type.shape.dim:
            dimension.dim_param = "any"
        if value not in [output.name for output in model.graph.output]:
            model.graph.output.append(onnx.ValueInfoProto(name=value))

    session = onnxruntime.InferenceSession(edited(data, add_output))
    (found,) = session.run([value], {session.get_inputs()[0].name: image})
    return np.asarray(found)


def check_subgraph(data: bytes, layer: str | None, value: str, **options: Any) -> None:
    """Checks that both engines compute `value` in the subgraph as in the whole network.

    They may differ by a ten-thousandth of its largest number.
    """
    for engine in ENGINES:
        dimensions = 4 if engine == "opencv" else None
        subgraph = extract(data, layer, dimensions=dimensions, **options)
        image = random_image(subgraph.input_size)
        expected = value_in_whole_network(data, value, image)

        (output,) = create_engine(engine, subgraph.onnx, (subgraph.output,)).forward(image)

        assert output.shape == expected.shape
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
