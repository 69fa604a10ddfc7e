"""What is read of nodes and weights is what the onnx package reads."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from modules.object_detection.onnx.nodes import Node, read_nodes
from tests.object_detection.onnx import onnx_models

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)


@pytest.mark.parametrize(
    "export", [onnx_models.yolov5, onnx_models.yolov8, onnx_models.yolox], ids=lambda f: f.__name__
)
def test_nodes_and_weights_of_exports(export: Callable[[], bytes]) -> None:
    data = export()
    graph = onnx.load_from_string(data).graph

    found = read_nodes(np.frombuffer(data, np.uint8))

    assert found.nodes == tuple(
        Node(node.op_type, tuple(node.input), tuple(node.output)) for node in graph.node
    )
    weights = {
        item.name: tuple(item.dims) for item in graph.initializer if item.data_type in FLOATS
    }
    assert found.weights.items() >= weights.items()
    assert found.inputs == tuple(value.name for value in graph.input)
    assert found.outputs == tuple(value.name for value in graph.output)


def test_a_constant_is_a_weight_by_its_outputs_name() -> None:
    tensor = numpy_helper.from_array(np.zeros((2, 3), np.float32), "inner")
    nodes = [
        helper.make_node("Constant", [], ["outer"], value=tensor),
        helper.make_node("Add", ["x", "outer"], ["y"]),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in "xy"]
    model = helper.make_model(helper.make_graph(nodes, "g", values[:1], values[1:]))

    found = read_nodes(np.frombuffer(model.SerializeToString(), np.uint8))

    assert found.weights == {"outer": (2, 3)}


def test_inputs_that_are_weights_are_no_inputs() -> None:
    """Up to IR version 3 the weights stood among the inputs."""
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "w", "y")
    ]
    weight = numpy_helper.from_array(np.zeros(2, np.float32), "w")
    node = helper.make_node("Add", ["x", "w"], ["y"])
    model = helper.make_model(helper.make_graph([node], "g", values[:2], values[2:], [weight]))

    assert read_nodes(np.frombuffer(model.SerializeToString(), np.uint8)).inputs == ("x",)
