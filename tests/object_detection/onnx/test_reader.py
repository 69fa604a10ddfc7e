"""A file is read as the package onnx reads it."""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from modules.errors import ModelError
from modules.object_detection.onnx.reader import Node, OnnxFile, Tensor, read_onnx
from tests.object_detection.onnx import onnx_models

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)


def array(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)


def read(model: onnx.ModelProto) -> OnnxFile:
    return read_onnx(array(model.SerializeToString()))


def model_of(nodes: list[onnx.NodeProto], **others: Any) -> onnx.ModelProto:
    values = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT16, ["batch", 3, 8, None]),
        helper.make_tensor_value_info("y", TensorProto.INT64, []),
    ]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], **others)
    return helper.make_model(graph)


def test_all_facts_equal_those_of_the_onnx_package() -> None:
    data = onnx_models.yolov10()
    model = onnx.load_from_string(data)

    file = read_onnx(array(data))

    assert file.metadata == {entry.key: entry.value for entry in model.metadata_props}
    assert file.operators == {node.op_type for node in model.graph.node}
    assert file.inputs == (Tensor("images", "float32", (1, 3, 64, 96)),)
    assert file.outputs == (Tensor("output0", "float32", (1, onnx_models.MOST, 6)),)
    assert file.precisions == {"float32", "int64"}


def test_open_sizes_are_none() -> None:
    file = read(model_of([]))

    assert file.inputs == (Tensor("x", "float16", (None, 3, 8, None)),)
    assert file.outputs == (Tensor("y", "int64", ()),)
    assert str(file.inputs[0]) == "x [?, 3, 8, ?] float16"


def test_inputs_that_are_weights_are_left_out() -> None:
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1], [0.5])
    model = model_of([], initializer=[weight])
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [1]))

    assert [tensor.name for tensor in read(model).inputs] == ["x"]


def test_operators_in_branches_are_included() -> None:
    branch = helper.make_graph([helper.make_node("NonZero", ["x"], ["z"])], "then", [], [])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)

    assert read(model_of([node])).operators == {"If", "NonZero"}


@pytest.mark.parametrize(
    "export", [onnx_models.yolov5, onnx_models.yolov8, onnx_models.yolox], ids=lambda f: f.__name__
)
def test_nodes_and_weights_equal_those_of_the_onnx_package(export: Callable[[], bytes]) -> None:
    data = export()
    graph = onnx.load_from_string(data).graph

    found = read_onnx(array(data))

    assert found.nodes == tuple(
        Node(node.op_type, tuple(node.input), tuple(node.output)) for node in graph.node
    )
    weights = {
        item.name: tuple(item.dims) for item in graph.initializer if item.data_type in FLOATS
    }
    assert found.weights.items() >= weights.items()
    assert [tensor.name for tensor in found.inputs] == [value.name for value in graph.input]
    assert [tensor.name for tensor in found.outputs] == [value.name for value in graph.output]


def test_the_value_of_a_constant_node_is_a_weight() -> None:
    tensor = numpy_helper.from_array(np.zeros((2, 3), np.float32), "inner")
    nodes = [
        helper.make_node("Constant", [], ["outer"], value=tensor),
        helper.make_node("Add", ["x", "outer"], ["y"]),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in "xy"]
    model = helper.make_model(helper.make_graph(nodes, "g", values[:1], values[1:]))

    found = read(model)

    assert found.weights == {"outer": (2, 3)}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        b"<!DOCTYPE html><html>",
        b"PK\x03\x04" + bytes(100),
        bytes(100),
        b"\x3a\x00",  # an empty graph, no operator set
        b"\x38\x01\x42\x00",  # a number where the graph should be
        b"\xff" * 20,
    ],
)
def test_bytes_that_are_not_onnx_are_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match=r"not ONNX at all: .* bytes and begins with b"):
        read_onnx(array(data))


@given(st.data())
def test_a_file_that_is_cut_off_anywhere_is_refused(data: st.DataObject) -> None:
    whole = onnx_models.yolov8(metadata={})
    size = data.draw(st.integers(0, len(whole) - 5))

    with pytest.raises(ModelError, match="it is cut off"):
        read_onnx(array(whole[:size]))


@given(st.data())
def test_reading_damaged_bytes_raises_nothing_but_model_errors(data: st.DataObject) -> None:
    whole = bytearray(onnx_models.yolov8())
    for _ in range(4):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))

    with contextlib.suppress(ModelError):
        read_onnx(array(bytes(whole)))
