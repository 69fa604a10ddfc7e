import gc
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest

from modules.object_detection.onnx.graph import Graph


def test_the_bytes_are_a_valid_model_that_computes_what_was_declared() -> None:
    graph = Graph("example")
    image = graph.input("image", (1, 2, 3, 3))
    kernel = graph.weight("kernel", (1, 2, 1, 1))
    bias = graph.weight("bias", (1,))
    name = graph.node("Conv", [image, kernel, bias], kernel_shape=(1, 1))
    name = graph.node("LeakyRelu", [name], alpha=0.1)
    graph.output(name, (1, 1, 3, 3))
    model, weights = graph.serialise()
    weights["kernel"][...] = np.array([2, -3]).reshape(1, 2, 1, 1)
    weights["bias"][...] = 0.5

    onnx.checker.check_model(model.tobytes(), full_check=True)
    pixels = np.random.default_rng(1).normal(size=(1, 2, 3, 3)).astype(np.float32)
    session = onnxruntime.InferenceSession(model.tobytes())
    (output,) = session.run([name], {"image": pixels})

    expected = 2 * pixels[:, :1] - 3 * pixels[:, 1:] + 0.5
    np.testing.assert_allclose(output, np.where(expected > 0, expected, 0.1 * expected), rtol=1e-5)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (-1, -1),
        (300, 300),
        (2**40, 2**40),
        (0.25, 0.25),
        ("nearest", b"nearest"),
        ((1, -2, 300), [1, -2, 300]),
    ],
)
def test_attributes_of_all_types_are_written(value: int, expected: object) -> None:
    graph = Graph("example")
    graph.node("Anything", ["x"], attribute=value)
    model, _ = graph.serialise()

    (node,) = onnx.load_from_string(model.tobytes()).graph.node

    assert onnx.helper.get_attribute_value(node.attribute[0]) == expected


def test_equal_constants_are_written_once() -> None:
    graph = Graph("example")
    names = [graph.integers(1, 2), graph.integers(1, 2), graph.integers(2, 1), graph.floats(1, 2)]
    model, _ = graph.serialise()

    tensors = onnx.load_from_string(model.tobytes()).graph.initializer

    assert names[0] == names[1]
    assert [onnx.numpy_helper.to_array(tensor).tolist() for tensor in tensors] == [
        [1, 2],
        [2, 1],
        [1.0, 2.0],
    ]


def test_weights_are_views_of_the_models_bytes() -> None:
    graph = Graph("example")
    graph.weight("a", (2, 3))
    graph.weight("odd", (5,))
    model, weights = graph.serialise()
    weights["a"][...] = np.arange(6).reshape(2, 3)
    weights["odd"][...] = 7

    first, second = onnx.load_from_string(model.tobytes()).graph.initializer

    assert onnx.numpy_helper.to_array(first).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert onnx.numpy_helper.to_array(second).tolist() == [7] * 5


def convolution() -> Graph:
    graph = Graph("example")
    kernel = graph.weight("kernel", (4, 3, 3, 3))
    bias = graph.weight("bias", (4,))
    image = graph.input("image", (1, 3, 8, 8))
    graph.output(graph.node("Conv", [image, kernel, bias], name="out"), (1, 4, 6, 6))
    return graph


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has files in memory")
def test_external_weights_give_the_same_outputs_as_weights_inside() -> None:
    rng = np.random.default_rng(3)
    image = rng.normal(size=(1, 3, 8, 8)).astype(np.float32)
    values = {"kernel": rng.normal(size=(4, 3, 3, 3)), "bias": rng.normal(size=4)}
    outputs = []
    for model, weights in (
        convolution().serialise(),
        convolution().serialise_with_external_weights(),
    ):
        for name, value in values.items():
            weights[name][...] = value
        net = cv2.dnn.readNetFromONNX(model)
        del weights
        net.setInput(image)
        outputs.append(net.forward())

    np.testing.assert_array_equal(*outputs)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has files in memory")
def test_the_file_of_external_weights_exists_as_long_as_the_views() -> None:
    model, weights = convolution().serialise_with_external_weights()
    first = onnx.load_from_string(model.tobytes()).graph.initializer[0]
    place = Path({entry.key: entry.value for entry in first.external_data}["location"])
    target = place.readlink()

    gc.collect()
    assert place.readlink() == target

    del weights
    gc.collect()
    assert not place.is_symlink() or place.readlink() != target


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has files in memory")
def test_a_graph_without_weights_has_the_same_bytes_either_way() -> None:
    graph = Graph("example")
    graph.output(graph.node("Relu", [graph.input("image", (1, 3, 2, 2))]), (1, 3, 2, 2))

    assert np.array_equal(graph.serialise()[0], graph.serialise_with_external_weights()[0])
