from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from modules.object_detection.engines.opencv import OpenCvEngine
from modules.object_detection.onnx.graph import more_outputs


def vector_products() -> NDArray[np.uint8]:
    """Makes a network with two products of a matrix and a vector: the image's rows, weighted."""
    constants: dict[str, NDArray[Any]] = {
        "rows": np.array([12, 4], np.int64),
        "first": np.array([1, 2, 3, 4], np.float32),
        "second": np.array([4, 3, 2, 1], np.float32),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["image", "rows"], ["matrix"]),
            helper.make_node("MatMul", ["matrix", "first"], ["one"]),
            helper.make_node("MatMul", ["matrix", "second"], ["other"]),
            helper.make_node("Add", ["one", "other"], ["sum"]),
        ],
        "vectors",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 4, 4])],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [12])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return np.frombuffer(model.SerializeToString(), np.uint8)


def test_products_with_a_vector_are_computed_by_opencv_and_their_results_can_be_outputs() -> None:
    """`models inspect` appends the results of all products as outputs to the file."""
    image = np.random.default_rng(0).uniform(size=(1, 3, 4, 4)).astype(np.float32)
    rows = image.reshape(12, 4)
    expected = {
        "sum": rows.sum(axis=1) * 5,
        "one": rows @ [1, 2, 3, 4],
        "other": rows @ [4, 3, 2, 1],
    }
    more = np.frombuffer(more_outputs(["one", "other"], dimensions=4), np.uint8)

    for names, data in (
        (["sum"], vector_products()),
        (["sum", "one", "other"], np.concatenate([vector_products(), more])),
    ):
        found = OpenCvEngine(data, names).forward(image)
        for name, value in zip(names, found, strict=True):
            np.testing.assert_allclose(value.reshape(-1), expected[name], rtol=1e-5)
