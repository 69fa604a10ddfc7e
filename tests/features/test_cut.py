"""What is left of a network that is cut off at a layer, by what ONNX Runtime makes of the whole."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from modules.errors import ModelError
from modules.features.cut import Cut, cut
from modules.object_detection.engines.registry import create_engine
from tests.resnet50 import FLAT, LOGITS, POOLED, resnet50

Array = NDArray[np.float32]
ENGINES = ("opencv", "onnxruntime")
WIDTH = 8


@functools.cache
def small_resnet() -> bytes:
    return bytes(resnet50(width=WIDTH).SerializeToString())


def edited(data: bytes, edit: Callable[[ModelProto], None]) -> bytes:
    model = onnx.load_from_string(data)
    edit(model)
    return bytes(model.SerializeToString())


def cut_off(data: bytes, layer: str | None = None, **options: Any) -> Cut:
    return cut(np.frombuffer(data, np.uint8), layer=layer, **options)


def graph_of(found: Cut) -> Any:
    """Of a cut network that the onnx package finds nothing wrong with."""
    model = onnx.load_from_string(found.onnx.tobytes())
    model.graph.output[0].type.tensor_type.shape.SetInParent()  # the checker wants one, whichever
    onnx.checker.check_model(model)
    return model.graph


def noise(size: tuple[int, int]) -> Array:
    width, height = size
    return np.random.default_rng(5).uniform(-1, 1, (1, 3, height, width)).astype(np.float32)


def within(data: bytes, value: str, image: Array) -> Array:
    """A value within the whole network, made one of its outputs, by ONNX Runtime."""

    def show(model: ModelProto) -> None:
        for dimension in model.graph.input[0].type.tensor_type.shape.dim:
            dimension.dim_param = "any"
        if value not in [output.name for output in model.graph.output]:
            model.graph.output.append(onnx.ValueInfoProto(name=value))

    session = onnxruntime.InferenceSession(edited(data, show))
    (found,) = session.run([value], {session.get_inputs()[0].name: image})
    return np.asarray(found)


def check_cut(data: bytes, layer: str | None, value: str, **options: Any) -> None:
    """Both engines put out what is within the whole network, to a ten-thousandth of its largest."""
    for engine in ENGINES:
        dimensions = 4 if engine == "opencv" else None
        found = cut_off(data, layer, dimensions=dimensions, **options)
        image = noise(found.input_size)
        expected = within(data, value, image)

        (output,) = create_engine(engine, found.onnx, (found.output,)).forward(image)

        assert output.shape == expected.shape
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def small(
    nodes: Sequence[Any],
    output: str = "y",
    *,
    weights: dict[str, Any] | None = None,
    ir_version: int = 8,
    opset: int = 18,
) -> bytes:
    """A network of a few nodes, from `image`, `(1, 3, 8, 8)`; the first is named for what it makes.

    `features`, `(1, 4, 1, 1)`, are there already.
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


def matrix(rows: int, columns: int) -> Array:
    return np.random.default_rng(4).normal(size=(rows, columns)).astype(np.float32)


TWO_ROWS = np.array([0, -1], np.int64)
FLATTEN = helper.make_node("Flatten", ["features"], ["flat"])


@pytest.mark.parametrize(
    "layer",
    ["resnetv17_relu0_fwd", "resnetv17_stage2__plus1", "resnetv17_stage4_conv9_fwd", POOLED],
)
def test_a_layer_is_what_it_is_within_the_whole_network(layer: str) -> None:
    check_cut(small_resnet(), layer, layer)


def test_without_a_layer_the_classifier_is_taken_off() -> None:
    found = cut_off(small_resnet())

    assert (found.output, found.input_size) == (FLAT, (224, 224))
    check_cut(small_resnet(), None, FLAT)
    names = {weight.name for weight in graph_of(found).initializer}
    assert len(names) == 2 * 53
    assert not any("dense" in name for name in names)


@pytest.mark.parametrize("size", [(100, 100), (96, 64)])
def test_the_input_may_have_another_size_than_the_file_has(size: tuple[int, int]) -> None:
    found = cut_off(small_resnet(), input_size=size)

    (image,) = graph_of(found).input
    assert [side.dim_value for side in image.type.tensor_type.shape.dim] == [1, 3, *size[::-1]]
    check_cut(small_resnet(), None, FLAT, input_size=size)


def test_an_input_of_free_size_has_imagenets() -> None:
    def free(model: ModelProto) -> None:
        for dimension in model.graph.input[0].type.tensor_type.shape.dim:
            dimension.dim_param = "any"

    assert cut_off(edited(small_resnet(), free)).input_size == (224, 224)
    assert cut_off(edited(small_resnet(), free), input_size=(64, 32)).input_size == (64, 32)


def test_nothing_is_kept_that_the_layer_does_not_need() -> None:
    def say_more(model: ModelProto) -> None:
        info = helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, [1, 7])
        model.graph.value_info.append(info)
        helper.set_model_props(model, {"task": "classify"})

    found = cut_off(edited(small_resnet(), say_more), "resnetv17_pool0_fwd")

    model = onnx.load_from_string(found.onnx.tobytes())
    assert [node.op_type for node in model.graph.node] == ["Conv", "Relu", "MaxPool"]
    assert len(model.graph.initializer) == 2
    assert not model.graph.value_info
    assert not model.metadata_props
    (output,) = model.graph.output
    assert (output.name, output.type.tensor_type.elem_type) == (found.output, TensorProto.FLOAT)
    assert not output.type.tensor_type.HasField("shape")


def test_a_layer_is_named_by_its_node_or_by_its_value() -> None:
    data = small([FLATTEN], "flat")

    assert cut_off(data, "maps").output == cut_off(data, "first").output == "maps"


def test_of_a_node_that_makes_several_values_one_may_be_taken() -> None:
    split = helper.make_node("Split", ["maps"], ["a", "b"], name="split", axis=1, num_outputs=2)
    data = small([split, helper.make_node("Add", ["a", "b"], ["y"])])

    check_cut(data, "b", "b")
    assert cut_off(data, "split").output == "a"


def test_several_nodes_of_one_name_are_told_apart_by_their_values() -> None:
    nodes = [helper.make_node("Relu", [source], [made], name="relu") for source, made in (
        ("features", "a"), ("a", "y"))]  # fmt: skip

    with pytest.raises(ModelError, match="it has 2 nodes named 'relu'; name a value: a, y"):
        cut_off(small(nodes), "relu")


@pytest.mark.parametrize("layer", ["pol", "feature"])
def test_an_unknown_layer_is_refused_with_those_that_are_near(layer: str) -> None:
    data = small([FLATTEN], "flat")

    with pytest.raises(ModelError, match=f"no layer '{layer}'; near are (pool|features)"):
        cut_off(data, layer)


@pytest.mark.parametrize("layer", ["", "zzz", "image", "kernel"])
def test_an_unknown_layer_that_is_near_to_none_is_refused_with_the_last(layer: str) -> None:
    with pytest.raises(ModelError, match="its last ones are maps, features, flat"):
        cut_off(small([FLATTEN], "flat"), layer)


def test_a_layer_that_does_not_hang_on_the_image_is_refused() -> None:
    fixed = helper.make_node("Relu", ["kernel"], ["fixed"])

    with pytest.raises(ModelError, match="its layer fixed is a constant; name one that hangs on"):
        cut_off(small([fixed, FLATTEN], "flat"), "fixed")


TOPS = {
    "Gemm": [FLATTEN, helper.make_node("Gemm", ["flat", "matrix"], ["y"])],
    "Gemm on a Reshape, then Softmax": [
        helper.make_node("Reshape", ["features", "rows"], ["flat"]),
        helper.make_node("Gemm", ["flat", "matrix"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["y"]),
    ],
    "MatMul and its bias": [
        FLATTEN,
        helper.make_node("MatMul", ["flat", "matrix"], ["products"]),
        helper.make_node("Add", ["bias", "products"], ["logits"]),
        helper.make_node("LogSoftmax", ["logits"], ["logs"]),
        helper.make_node("Identity", ["logs"], ["y"]),
    ],
    "weights that are computed": [
        FLATTEN,
        helper.make_node("Transpose", ["transposed"], ["weights"]),
        helper.make_node("MatMul", ["flat", "weights"], ["y"]),
    ],
}


@pytest.mark.parametrize("top", TOPS)
def test_the_top_is_the_last_matrix_product(top: str) -> None:
    weights = {"matrix": matrix(4, 5), "transposed": matrix(5, 4), "bias": matrix(1, 5),
               "rows": TWO_ROWS}  # fmt: skip
    data = small(TOPS[top], weights=weights)

    assert cut_off(data).output == "flat"
    check_cut(data, None, "flat")


@pytest.mark.parametrize("operator", ["Conv", "constant Conv"])
def test_the_top_may_be_a_convolution_behind_a_global_pooling(operator: str) -> None:
    kernel = matrix(5, 4).reshape(5, 4, 1, 1)
    constant = numpy_helper.from_array(kernel)
    nodes = [
        helper.make_node("Conv", ["features", "classes"], ["scores"]),
        helper.make_node("Flatten", ["scores"], ["y"]),
    ]
    if operator == "constant Conv":
        nodes.insert(0, helper.make_node("Constant", [], ["classes"], value=constant))
    data = small(nodes, weights={"classes": kernel} if operator == "Conv" else {})

    check_cut(data, None, "features")


@pytest.mark.parametrize(
    "nodes",
    [
        [helper.make_node("Relu", ["features"], ["y"])],
        [helper.make_node("Conv", ["maps", "classes"], ["y"])],  # behind no pooling
        [helper.make_node("Conv", ["features", "wide"], ["y"], pads=[1] * 4)],
        [FLATTEN, helper.make_node("Gemm", ["flat", "flat"], ["y"], transB=1)],  # no weights
    ],
)
def test_where_there_is_no_top_a_layer_must_be_named(nodes: list[Any]) -> None:
    weights = {"classes": matrix(5, 4).reshape(5, 4, 1, 1), "wide": np.ones((5, 4, 3, 3), "<f4")}

    with pytest.raises(ModelError, match=r"name a layer: its last ones are maps, features,.* y$"):
        cut_off(small(nodes, weights=weights))


@pytest.mark.parametrize("kind", ["If", "Loop"])
def test_what_a_branch_or_a_body_takes_from_around_it_is_kept(kind: str) -> None:
    """`maps` and `factor` are named within alone, where `inner` is a name of its own."""
    inner = [helper.make_node("Mul", ["maps", "factor"], ["inner"])]
    output = helper.make_tensor_value_info("inner", TensorProto.FLOAT, [1, 4, 6, 6])
    if kind == "If":
        then = helper.make_graph(inner, "then", [], [output])
        other = helper.make_graph(
            [helper.make_node("Neg", ["maps"], ["inner"])], "else", [], [output]
        )
        node = helper.make_node("If", ["yes"], ["y"], then_branch=then, else_branch=other)
    else:
        inputs = [helper.make_tensor_value_info("count", TensorProto.INT64, []),
                  helper.make_tensor_value_info("goes_on", TensorProto.BOOL, [])]  # fmt: skip
        goes_on = helper.make_tensor_value_info("same", TensorProto.BOOL, [])
        same = helper.make_node("Identity", ["goes_on"], ["same"])
        body = helper.make_graph([*inner, same], "body", inputs, [goes_on, output])
        node = helper.make_node("Loop", ["twice", "yes"], ["y"], body=body)
    weights = {"yes": np.array(True), "factor": matrix(6, 6), "twice": np.array(2, np.int64)}
    data = small([node, helper.make_node("Relu", ["y"], ["last"])], "last", weights=weights)
    image = noise((8, 8))

    found = cut_off(data, "y")

    (output_value,) = create_engine("onnxruntime", found.onnx, ("y",)).forward(image)
    np.testing.assert_array_equal(output_value, within(data, "y", image))
    kept = {node.op_type for node in graph_of(found).node}
    assert kept == {"Conv", kind}


def test_weights_among_the_inputs_are_no_images() -> None:
    """As files up to IR version 3 have them, ResNet50 v2-7 among them."""

    def list_weights(model: ModelProto) -> None:
        for weight in model.graph.initializer:
            info = helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims)
            model.graph.input.append(info)

    gemm = [FLATTEN, helper.make_node("Gemm", ["flat", "matrix", "bias"], ["y"])]
    weights = {"matrix": matrix(4, 5), "bias": matrix(1, 5)}
    data = edited(small(gemm, weights=weights, ir_version=3, opset=7), list_weights)

    check_cut(data, None, "flat")
    assert [value.name for value in graph_of(cut_off(data)).input] == ["image"]


def test_a_graph_in_several_pieces_is_one() -> None:
    """Protocol Buffers merge what is appended."""
    more = onnx.ModelProto()
    more.graph.node.append(helper.make_node("Relu", ["flat"], ["appended"]))

    data = small([FLATTEN], "flat") + bytes(more.SerializeToString())

    check_cut(data, "appended", "appended")


def test_a_second_input_matters_where_the_layer_needs_it_alone() -> None:
    def add(model: ModelProto) -> None:
        scale = helper.make_tensor_value_info("scale", TensorProto.FLOAT, [1, 4, 1, 1])
        model.graph.input.append(scale)

    data = edited(small([helper.make_node("Mul", ["features", "scale"], ["y"])]), add)

    check_cut(small([FLATTEN], "flat"), "features", "features")
    assert [value.name for value in graph_of(cut_off(data, "features")).input] == ["image"]
    with pytest.raises(ModelError, match=r"one input; it has image .*, scale \[1, 4, 1, 1\]"):
        cut_off(data, "y")


def test_an_input_that_is_no_image_is_refused() -> None:
    def reshape(model: ModelProto) -> None:
        shape = [1, 8, 8, 3]
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
        model.graph.input[0].CopyFrom(image)

    with pytest.raises(ModelError, match=r"must be \[1, 3, height, width\]; .* channels first"):
        cut_off(edited(small([FLATTEN], "flat"), reshape), "maps")


@pytest.mark.parametrize("size", [(0, 64), (64, -1), (8192, 64)])
def test_a_size_that_cannot_be_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ModelError, match=f"cannot be {size[0]} x {size[1]}; a side has 1 to 4096"):
        cut_off(small([FLATTEN], "flat"), "maps", input_size=size)


@given(st.data())
def test_damaged_bytes_are_cut_or_refused_but_nothing_else(data: st.DataObject) -> None:
    whole = bytearray(small(TOPS["MatMul and its bias"], weights={"matrix": matrix(4, 5)}))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    size = data.draw(st.integers(len(whole) - 9, len(whole)))

    with contextlib.suppress(ModelError):
        cut_off(bytes(whole[:size]))
