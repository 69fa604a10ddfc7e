"""Inputs besides the image get values by which the boxes are in pixels of the network's input."""

import re

import numpy as np
import pytest
from onnx import TensorProto, helper

from modules.errors import ModelError
from modules.object_detection.engines.engine import Inputs
from modules.object_detection.engines.registry import ENGINE_NAMES, create_engine
from modules.object_detection.onnx.extra_inputs import extra_inputs
from modules.object_detection.onnx.reader import Tensor

SIZE = (640, 480)  # width, height


@pytest.mark.parametrize(
    ("tensor", "value"),
    [
        (Tensor("orig_target_sizes", "int64", (1, 2)), [[640, 480]]),
        (Tensor("orig_target_sizes", "int64", (None, 2)), [[640, 480]]),
        (Tensor("orig_target_sizes", "float32", None), [[640, 480]]),
        (Tensor("im_shape", "float32", (None, 2)), [[480, 640]]),
        (Tensor("scale_factor", "float32", (1, 2)), [[1, 1]]),
    ],
    ids=str,
)
def test_each_input_gets_its_value_in_its_own_type(tensor: Tensor, value: list[list[int]]) -> None:
    (found,) = extra_inputs([Tensor("image", "float32", (1, 3, 480, 640)), tensor], SIZE).values()

    assert found.tolist() == value
    assert found.dtype == tensor.element


@pytest.mark.parametrize(
    ("shape", "expected"), [((1, 64, 64), (1, 64, 64)), ((None, None, None), (1, 480, 640))]
)
def test_no_pixel_is_masked(shape: tuple[int | None, ...], expected: tuple[int, ...]) -> None:
    found = extra_inputs([Tensor("pixel_mask", "int64", shape)], SIZE)["pixel_mask"]

    np.testing.assert_array_equal(found, np.ones(expected, np.int64))


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("orig_target_sizes", "int64", (2,)),
        Tensor("orig_target_sizes", "int64", (1, 4)),
        Tensor("scale_factor", "type 8", (1, 2)),
    ],
    ids=str,
)
def test_another_shape_or_type_is_refused(tensor: Tensor) -> None:
    with pytest.raises(ModelError, match=re.escape(f"its input is {tensor}; an input of this na")):
        extra_inputs([tensor], SIZE)


def network() -> np.ndarray:
    """Returns a network that adds the image's mean to the size; the size is its first input."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Cast", ["orig_target_sizes"], ["size"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["size", "mean"], ["sum"]),
    ]
    inputs = [
        helper.make_tensor_value_info("orig_target_sizes", TensorProto.INT64, [1, 2]),
        helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 4, 4]),
    ]
    outputs = [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [1, 2])]
    model = helper.make_model(
        helper.make_graph(nodes, "network", inputs, outputs),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    return np.frombuffer(model.SerializeToString(), np.uint8)


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_every_engine_passes_the_other_inputs_to_each_run(engine: str) -> None:
    sizes = {"orig_target_sizes": np.array([[640, 480]], np.int64)}
    loaded = create_engine(engine, network(), ["sum"], Inputs("image", sizes))

    for value in (0.5, 0.25):
        (found,) = loaded.forward(np.full((1, 3, 4, 4), value, np.float32))
        assert found.tolist() == [[640 + value, 480 + value]]
