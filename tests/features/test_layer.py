"""Which value holds the features: that of a named layer, or the classifier's input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

from modules.errors import ModelError
from tests.features.onnx_networks import FLATTEN, check_subgraph, extract, matrix, small

CLASSIFIERS = {
    "Gemm": [FLATTEN, helper.make_node("Gemm", ["flat", "matrix"], ["y"])],
    "Reshape, Gemm, Softmax": [
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
    "MatMul with computed weights": [
        FLATTEN,
        helper.make_node("Transpose", ["transposed"], ["weights"]),
        helper.make_node("MatMul", ["flat", "weights"], ["y"]),
    ],
}


def test_a_layer_is_named_by_its_node_or_by_its_value() -> None:
    data = small([FLATTEN], "flat")

    assert extract(data, "maps").output == extract(data, "first").output == "maps"


def test_a_node_stands_for_its_first_output_and_others_are_named_by_value() -> None:
    split = helper.make_node("Split", ["maps"], ["a", "b"], name="split", axis=1, num_outputs=2)
    data = small([split, helper.make_node("Add", ["a", "b"], ["y"])])

    check_subgraph(data, "b", "b")
    assert extract(data, "split").output == "a"


def test_a_name_of_several_nodes_is_refused_with_their_values() -> None:
    nodes = [
        helper.make_node("Relu", ["features"], ["a"], name="relu"),
        helper.make_node("Relu", ["a"], ["y"], name="relu"),
    ]

    message = "it has 2 nodes named 'relu'; name a value instead: a, y"
    with pytest.raises(ModelError, match=message):
        extract(small(nodes), "relu")


@pytest.mark.parametrize("layer", ["pol", "feature"])
def test_an_unknown_layer_is_refused_with_similar_names(layer: str) -> None:
    data = small([FLATTEN], "flat")

    with pytest.raises(ModelError, match=f"no layer '{layer}'; similar names: (pool|features)"):
        extract(data, layer)


@pytest.mark.parametrize("layer", ["", "zzz", "image", "kernel"])
def test_an_unknown_layer_without_similar_names_is_refused_with_the_last_layers(
    layer: str,
) -> None:
    with pytest.raises(ModelError, match="its last layers: maps, features, flat"):
        extract(small([FLATTEN], "flat"), layer)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_the_classifier_is_the_last_product_with_constant_weights(classifier: str) -> None:
    weights = {
        "matrix": matrix(4, 5),
        "transposed": matrix(5, 4),
        "bias": matrix(1, 5),
        "rows": np.array([0, -1], np.int64),
    }
    data = small(CLASSIFIERS[classifier], weights=weights)

    assert extract(data).output == "flat"
    check_subgraph(data, None, "flat")


@pytest.mark.parametrize("kernel_in", ["initializer", "Constant"])
def test_the_classifier_may_be_a_convolution_after_a_global_pooling(kernel_in: str) -> None:
    kernel = matrix(5, 4).reshape(5, 4, 1, 1)
    nodes = [
        helper.make_node("Conv", ["features", "classes"], ["scores"]),
        helper.make_node("Flatten", ["scores"], ["y"]),
    ]
    if kernel_in == "Constant":
        value = numpy_helper.from_array(kernel)
        nodes.insert(0, helper.make_node("Constant", [], ["classes"], value=value))
    data = small(nodes, weights={"classes": kernel} if kernel_in == "initializer" else {})

    check_subgraph(data, None, "features")


@pytest.mark.parametrize(
    "nodes",
    [
        [helper.make_node("Relu", ["features"], ["y"])],
        [helper.make_node("Conv", ["maps", "classes"], ["y"])],  # after no pooling
        [helper.make_node("Conv", ["features", "wide"], ["y"], pads=[1] * 4)],
        [FLATTEN, helper.make_node("Gemm", ["flat", "flat"], ["y"], transB=1)],  # no weights
    ],
)
def test_without_a_classifier_a_layer_must_be_named(nodes: list[Any]) -> None:
    weights = {"classes": matrix(5, 4).reshape(5, 4, 1, 1), "wide": np.ones((5, 4, 3, 3), "<f4")}

    message = r"name a layer; its last layers: maps, features,.* y$"
    with pytest.raises(ModelError, match=message):
        extract(small(nodes, weights=weights))
