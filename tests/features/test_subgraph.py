"""Subgraphs, compared with the whole network under ONNX Runtime."""

from __future__ import annotations

import contextlib

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from modules.errors import ModelError
from modules.object_detection.engines.registry import create_engine
from tests.features.onnx_networks import (
    FLATTEN,
    check_subgraph,
    checked_graph,
    edited,
    extract,
    matrix,
    random_image,
    small,
    small_resnet,
    value_in_whole_network,
)
from tests.features.test_layer import CLASSIFIERS
from tests.resnet50 import FLAT, LOGITS, POOLED


@pytest.mark.parametrize(
    "layer",
    ["resnetv17_relu0_fwd", "resnetv17_stage2__plus1", "resnetv17_stage4_conv9_fwd", POOLED],
)
def test_a_layer_has_the_same_value_as_in_the_whole_network(layer: str) -> None:
    check_subgraph(small_resnet(), layer, layer)


def test_without_a_layer_the_classifier_is_removed() -> None:
    subgraph = extract(small_resnet())

    assert (subgraph.output, subgraph.input_size) == (FLAT, (224, 224))
    check_subgraph(small_resnet(), None, FLAT)
    names = {weight.name for weight in checked_graph(subgraph).initializer}
    assert len(names) == 2 * 53
    assert not any("dense" in name for name in names)


@pytest.mark.parametrize("size", [(100, 100), (96, 64)])
def test_a_given_input_size_overrides_the_files(size: tuple[int, int]) -> None:
    subgraph = extract(small_resnet(), input_size=size)

    (image,) = checked_graph(subgraph).input
    assert [side.dim_value for side in image.type.tensor_type.shape.dim] == [1, 3, *size[::-1]]
    check_subgraph(small_resnet(), None, FLAT, input_size=size)


def test_an_open_input_size_becomes_224_by_224() -> None:
    def open_size(model: ModelProto) -> None:
        for dimension in model.graph.input[0].type.tensor_type.shape.dim:
            dimension.dim_param = "any"

    data = edited(small_resnet(), open_size)

    assert extract(data).input_size == (224, 224)
    assert extract(data, input_size=(64, 32)).input_size == (64, 32)


def test_only_what_the_layer_needs_is_kept() -> None:
    def annotate(model: ModelProto) -> None:
        info = helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, [1, 7])
        model.graph.value_info.append(info)
        helper.set_model_props(model, {"task": "classify"})

    subgraph = extract(edited(small_resnet(), annotate), "resnetv17_pool0_fwd")

    model = onnx.load_from_string(subgraph.onnx.tobytes())
    assert [node.op_type for node in model.graph.node] == ["Conv", "Relu", "MaxPool"]
    assert len(model.graph.initializer) == 2
    assert not model.graph.value_info
    assert not model.metadata_props
    (output,) = model.graph.output
    assert (output.name, output.type.tensor_type.elem_type) == (subgraph.output, TensorProto.FLOAT)
    assert not output.type.tensor_type.HasField("shape")


def test_a_constant_layer_is_refused() -> None:
    fixed = helper.make_node("Relu", ["kernel"], ["fixed"])

    message = "its layer fixed is a constant; name one that depends on the image"
    with pytest.raises(ModelError, match=message):
        extract(small([fixed, FLATTEN], "flat"), "fixed")


@pytest.mark.parametrize("kind", ["If", "Loop"])
def test_values_that_only_a_branch_or_a_loop_body_uses_are_kept(kind: str) -> None:
    """Only the inner graphs use `maps` and `factor`; `inner` is computed within them."""
    inner = [helper.make_node("Mul", ["maps", "factor"], ["inner"])]
    output = helper.make_tensor_value_info("inner", TensorProto.FLOAT, [1, 4, 6, 6])
    if kind == "If":
        negate = [helper.make_node("Neg", ["maps"], ["inner"])]
        then_branch = helper.make_graph(inner, "then", [], [output])
        else_branch = helper.make_graph(negate, "else", [], [output])
        branches = {"then_branch": then_branch, "else_branch": else_branch}
        node = helper.make_node("If", ["yes"], ["y"], **branches)
    else:
        count = helper.make_tensor_value_info("count", TensorProto.INT64, [])
        condition = helper.make_tensor_value_info("condition", TensorProto.BOOL, [])
        same = helper.make_tensor_value_info("same", TensorProto.BOOL, [])
        inner.append(helper.make_node("Identity", ["condition"], ["same"]))
        body = helper.make_graph(inner, "body", [count, condition], [same, output])
        node = helper.make_node("Loop", ["twice", "yes"], ["y"], body=body)
    weights = {"yes": np.array(True), "factor": matrix(6, 6), "twice": np.array(2, np.int64)}
    data = small([node, helper.make_node("Relu", ["y"], ["last"])], "last", weights=weights)
    image = random_image((8, 8))

    subgraph = extract(data, "y")

    (value,) = create_engine("onnxruntime", subgraph.onnx, ("y",)).forward(image)
    np.testing.assert_array_equal(value, value_in_whole_network(data, "y", image))
    kept = {node.op_type for node in checked_graph(subgraph).node}
    assert kept == {"Conv", kind}


def test_weights_listed_among_the_inputs_are_not_inputs() -> None:
    """Files up to IR version 3 list them there; ResNet50 v2-7 is one."""

    def list_weights(model: ModelProto) -> None:
        for weight in model.graph.initializer:
            info = helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims)
            model.graph.input.append(info)

    gemm = [FLATTEN, helper.make_node("Gemm", ["flat", "matrix", "bias"], ["y"])]
    weights = {"matrix": matrix(4, 5), "bias": matrix(1, 5)}
    data = edited(small(gemm, weights=weights, ir_version=3, opset=7), list_weights)

    check_subgraph(data, None, "flat")
    assert [value.name for value in checked_graph(extract(data)).input] == ["image"]


def test_a_graph_in_several_pieces_is_merged() -> None:
    """Protocol Buffers merge the pieces of a message."""
    more = onnx.ModelProto()
    more.graph.node.append(helper.make_node("Relu", ["flat"], ["appended"]))

    data = small([FLATTEN], "flat") + bytes(more.SerializeToString())

    check_subgraph(data, "appended", "appended")


def test_a_second_input_is_refused_only_if_the_layer_needs_it() -> None:
    def add_input(model: ModelProto) -> None:
        scale = helper.make_tensor_value_info("scale", TensorProto.FLOAT, [1, 4, 1, 1])
        model.graph.input.append(scale)

    scaled = small([helper.make_node("Mul", ["features", "scale"], ["y"])])
    data = edited(scaled, add_input)

    check_subgraph(small([FLATTEN], "flat"), "features", "features")
    assert [value.name for value in checked_graph(extract(data, "features")).input] == ["image"]
    with pytest.raises(ModelError, match=r"one input; it has image .*, scale \[1, 4, 1, 1\]"):
        extract(data, "y")


def test_an_input_that_is_not_an_image_is_refused() -> None:
    def make_grey(model: ModelProto) -> None:
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])
        model.graph.input[0].CopyFrom(image)

    with pytest.raises(ModelError, match="its input has 1 channel, for grey"):
        extract(edited(small([FLATTEN], "flat"), make_grey), "maps")


@pytest.mark.parametrize("size", [(0, 64), (64, -1), (8192, 64)])
def test_an_impossible_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ModelError, match=f"cannot be {size[0]} x {size[1]}; a side has 1 to 4096"):
        extract(small([FLATTEN], "flat"), "maps", input_size=size)


def test_a_name_that_is_not_utf_8_is_refused() -> None:
    data = small([FLATTEN], "flat").replace(b"maps", b"map\xff")

    with pytest.raises(ModelError, match=r"it is damaged: the name b'map\\xff' is not UTF-8"):
        extract(data, "first")


@given(st.data())
def test_damaged_bytes_raise_no_other_error_than_model_error(data: st.DataObject) -> None:
    whole = bytearray(small(CLASSIFIERS["MatMul and its bias"], weights={"matrix": matrix(4, 5)}))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    size = data.draw(st.integers(len(whole) - 9, len(whole)))

    with contextlib.suppress(ModelError):
        extract(bytes(whole[:size]))
