"""Multiply-adds of an ONNX network, compared with sums written out by hand."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from modules.cli.models.onnx_facts import onnx_facts
from modules.object_detection.engines.registry import ENGINE_NAMES
from modules.object_detection.heads.classes import ClassHead
from modules.object_detection.network import Network
from modules.object_detection.preprocessing import Preprocessing


def network(*, computed: bool = False) -> Network:
    """Makes four kinds of products of an image, 3 x 6 x 8; the file holds no shapes of values.

    computed: the weights of the convolution are computed from others.
    """
    rng = np.random.default_rng(0)
    weights = {
        "conv": rng.normal(size=(4, 3, 3, 3)),
        "up": rng.normal(size=(4, 5, 2, 2)),
        "dense": rng.normal(size=(10, 7)),
    }
    nodes = [
        helper.make_node("Conv", ["image", "conv"], ["a"], strides=[2, 2], pads=[1] * 4),
        helper.make_node("ConvTranspose", ["a", "up"], ["b"], strides=[2, 2]),
        helper.make_node("Reshape", ["b", "rows"], ["c"]),
        helper.make_node("Transpose", ["c"], ["d"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["d", "c"], ["e"]),
        helper.make_node("ReduceMean", ["e"], ["f"], axes=[2], keepdims=0),
        helper.make_node("Slice", ["f", "zero", "ten", "one"], ["g"]),
        helper.make_node("Gemm", ["g", "dense"], ["output"]),
    ]
    if computed:
        nodes.insert(0, helper.make_node("Neg", ["conv"], ["negative"]))
        nodes[1].input[1] = "negative"
    integers = {"rows": [1, 5, 48], "zero": [0], "ten": [10], "one": [1]}
    constants = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()]
    constants += [numpy_helper.from_array(np.array(v, np.int64), k) for k, v in integers.items()]
    graph = helper.make_graph(
        nodes,
        "products",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 6, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 7])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    data = np.frombuffer(model.SerializeToString(), np.uint8)
    return Network(data, (8, 6), ("output",), ClassHead(3), Preprocessing())


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_products_of_all_four_operators_are_counted(engine: str) -> None:
    facts = onnx_facts(network(), engine)

    conv = 4 * 3 * 4 * 3 * 3 * 3  # 4 filters of 3 x 3 x 3 at 3 x 4 places
    up = 4 * 3 * 4 * 5 * 2 * 2  # 4 channels at 3 x 4 places, each to 5 filters of 2 x 2
    squares = 48 * 48 * 5
    dense = 10 * 7
    assert facts.multiply_adds == conv + up + squares + dense
    assert facts.parameters == 4 * 3 * 3 * 3 + 4 * 5 * 2 * 2 + 10 * 7
    assert facts.layers == 8
    assert facts.heads[0].shape == (1, 7)


def test_multiply_adds_are_unknown_if_weights_are_computed() -> None:
    assert onnx_facts(network(computed=True), "opencv").multiply_adds is None
