"""Layers of Darknet networks, compared with the whole network under ONNX Runtime."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from modules.errors import CfgError, WeightsError
from modules.features.extractor import FeatureExtractor, FeatureNetwork
from modules.features.from_darknet import import_darknet_features
from modules.object_detection.darknet.cfg import parse_cfg
from modules.object_detection.darknet.layers import build_network
from modules.object_detection.darknet.weights import read_weights
from modules.object_detection.engines.registry import create_engine
from modules.object_detection.onnx.graph import more_outputs
from modules.object_detection.preprocessing import DARKNET
from tests.colour_model import CFG, picture, weights
from tests.object_detection.darknet.random_models import (
    OWN_CFGS,
    SIZE,
    random_input,
    random_weights,
)
from tests.object_detection.darknet.small_networks import HEADER, NET, Array, floats

ENGINES = ("opencv", "onnxruntime")
CLASSIFIER = """\
[convolutional]
filters=4
size=3
pad=1
activation=leaky

[avgpool]

[convolutional]
filters=6
size=1
activation=linear

[softmax]
groups=1
"""
CLASSIFIER_WEIGHTS = np.random.default_rng(6).normal(size=4 + 4 * 27 + 6 + 6 * 4)


def load(
    cfg: str, data: bytes, layer: str | None, size: tuple[int, int] | None = None
) -> FeatureNetwork:
    return import_darknet_features(cfg, io.BytesIO(data), layer=layer, input_size=size)


def classifier(layer: str | None) -> FeatureNetwork:
    return load(NET + CLASSIFIER, HEADER + floats(CLASSIFIER_WEIGHTS), layer)


def value_in_whole_network(cfg: str, data: bytes, layer: int, image: Array) -> Array:
    """Computes a layer with ONNX Runtime in the whole network, as one more output."""
    builder = build_network(*parse_cfg(cfg), SIZE)
    whole, places = builder.graph.serialise()
    read_weights(io.BytesIO(data), builder.weights, places)
    name = builder.layers[layer].name
    extended = whole.tobytes() + more_outputs([name], dimensions=4)
    (found,) = onnxruntime.InferenceSession(extended).run([name], {"image": image})
    assert found.shape == builder.layers[layer].shape
    return np.asarray(found)


def check_layer(cfg: str, data: bytes, layer: int) -> None:
    """Checks that both engines compute a layer as in the whole network.

    They may differ by a thousandth of its largest number.
    """
    network = load(cfg, data, str(layer), SIZE)
    image = random_input(SIZE)
    expected = value_in_whole_network(cfg, data, layer, image)
    for engine in ENGINES:
        (output,) = create_engine(engine, network.onnx, (network.output,)).forward(image)
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("layer", [0, 24, 85, 110])
def test_layers_of_a_trained_network_are_the_same_as_in_the_whole_network(
    layer: int, shared: Callable[[str], Path]
) -> None:
    folder = shared("models/yolo-fastest-1.1")
    cfg = (folder / "yolo-fastest-1.1.cfg").read_text()

    check_layer(cfg, (folder / "yolo-fastest-1.1.weights").read_bytes(), layer)


@pytest.mark.parametrize(
    ("name", "layer"),
    [("yolov3-tiny", 12), ("yolov4-tiny", 23), ("yolov7-tiny", 58), ("enet-coco", 91)],
)
def test_layers_of_darknets_own_cfgs_are_the_same_as_in_the_whole_network(
    name: str, layer: int, shared: Callable[[str], Path]
) -> None:
    cfg = shared(f"cfg/{name}.cfg").read_text()

    check_layer(cfg, random_weights(cfg), layer)


def test_a_layer_that_leaves_its_input_unchanged_stands_for_the_one_before() -> None:
    assert load(CFG, weights(), "2").output == load(CFG, weights(), "1").output == "conv_1"


def test_later_layers_are_dropped() -> None:
    graph = onnx.load_from_string(load(CFG, weights(), "0").onnx.tobytes()).graph

    assert [node.op_type for node in graph.node] == ["MaxPool"]
    assert not graph.initializer


def test_the_weights_of_later_layers_are_read_and_counted() -> None:
    with pytest.raises(WeightsError, match="the weights end after"):
        load(CFG, weights()[:-4], "0")
    with pytest.raises(WeightsError, match="the weights have 13"):
        load(CFG, weights() + b"more", "0")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_classifier_without_a_detection_head_yields_features(engine: str) -> None:
    pooled, classes = (
        FeatureExtractor(classifier(layer), engine=engine).extract(picture(red=(2, 3)))
        for layer in ("1", "3")
    )

    kernel = CLASSIFIER_WEIGHTS[-24:].reshape(6, 4)
    logits = kernel @ pooled + CLASSIFIER_WEIGHTS[-30:-24]
    assert pooled.shape == (4,)
    np.testing.assert_allclose(classes, np.exp(logits) / np.exp(logits).sum(), rtol=1e-4)


def test_the_layer_is_required() -> None:
    with pytest.raises(CfgError, match=r"it has 4 layers, .* by its index in the cfg, from 0 to 3"):
        classifier(None)


@pytest.mark.parametrize("layer", ["4", "-1", "1.0", "conv_0", "", "٣", "01", "9" * 5000])
def test_an_unknown_layer_is_refused(layer: str) -> None:
    with pytest.raises(CfgError, match=r"no layer '.*'; it has 4 layers, name .*, from 0 to 3"):
        classifier(layer)


def test_a_layer_whose_output_is_the_image_is_refused() -> None:
    with pytest.raises(
        CfgError, match=r"section 0 \[dropout\], line 5: its output is the image itself"
    ):
        load(NET + "[dropout]\n" + CLASSIFIER, HEADER, "0")


def test_images_are_preprocessed_as_for_the_detector() -> None:
    network = load(CFG, weights(), "0", (128, 32))
    letterbox = load(CFG.replace("[net]", "[net]\nletter_box=1"), weights(), "0")

    assert network.input_size == (128, 32)
    assert network.preprocessing == DARKNET
    assert letterbox.preprocessing == replace(DARKNET, resize="letterbox-darknet")


def test_a_tree_is_required_if_the_cfg_names_one() -> None:
    own = (OWN_CFGS / "passthrough.cfg").read_text()
    tree = "animal -1\nvehicle -1\ncat 0\ndog 0\n"
    cfg, data = own + "tree=kinds.tree\n", random_weights(own)

    with pytest.raises(CfgError, match="the tree of the classes is missing"):
        load(cfg, data, "0")
    assert import_darknet_features(cfg, io.BytesIO(data), layer="0", tree=tree).input_size
