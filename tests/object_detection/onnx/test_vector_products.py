"""Products of a matrix and a vector are rewritten for OpenCV, and give the same values."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from modules.object_detection.engines.registry import ENGINE_NAMES, create_engine
from modules.object_detection.onnx.vector_products import without_vectors

VECTOR = np.array([1, 2, 3, 4], np.float32)
KINDS = ("initializer", "constant", "computed")


def network(kind: str, opset: int = 17) -> np.ndarray:
    """Returns a network that multiplies twice: its input by `VECTOR`, and the sum by a matrix."""
    nodes: list[Any] = []
    weights = [numpy_helper.from_array(np.eye(2, dtype=np.float32), "eye")]
    if kind == "initializer":
        weights.append(numpy_helper.from_array(VECTOR, "vector"))
    elif kind == "constant":
        value = numpy_helper.from_array(VECTOR)
        nodes.append(helper.make_node("Constant", [], ["vector"], value=value))
    else:
        halves = (("half0", VECTOR[:2]), ("half1", -VECTOR[2:]))
        weights += [numpy_helper.from_array(half, name) for name, half in halves]
        nodes += [
            helper.make_node("Neg", ["half1"], ["positive"]),
            helper.make_node("Concat", ["half0", "positive"], ["joined"], axis=0),
            helper.make_node("Identity", ["joined"], ["vector"]),
        ]
    nodes += [
        helper.make_node("MatMul", ["image", "vector"], ["first"]),
        helper.make_node("MatMul", ["first", "eye"], ["second"]),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 2, 4])],
        [helper.make_tensor_value_info("second", TensorProto.FLOAT, [1, 3, 2])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7)
    return np.frombuffer(model.SerializeToString(), np.uint8)


@pytest.mark.parametrize("opset", [11, 17])
@pytest.mark.parametrize("engine", ENGINE_NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_engine_multiplies_by_a_vector(kind: str, engine: str, opset: int) -> None:
    image = np.arange(24, dtype=np.float32).reshape(1, 3, 2, 4)

    (found,) = create_engine(engine, network(kind, opset), ["second"]).forward(image)

    np.testing.assert_allclose(found, image @ VECTOR)


@pytest.mark.parametrize("kind", KINDS)
def test_the_rewritten_network_is_valid(kind: str) -> None:
    rewritten = onnx.load_model_from_string(without_vectors(network(kind)).tobytes())

    onnx.checker.check_model(rewritten)
    assert [node.op_type for node in rewritten.graph.node].count("MatMul") == 2


def test_a_network_without_such_products_stays_as_it_is() -> None:
    once = without_vectors(network("initializer"))

    assert without_vectors(once) is once
