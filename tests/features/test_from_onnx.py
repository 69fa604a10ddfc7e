"""How images are preprocessed for an ONNX network's features, and which networks are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper
from onnxruntime.transformers.float16 import convert_float_to_float16

from modules.errors import ModelError
from modules.features.extractor import FeatureExtractor, FeatureNetwork
from modules.features.from_onnx import import_onnx_features
from modules.object_detection.model_description import Description
from modules.object_detection.preprocessing import Preprocessing
from tests.features.onnx_networks import FLATTEN, edited, small
from tests.object_detection.onnx import onnx_models


def load(
    data: bytes, *, engine: str = "opencv", layer: str = "maps", **keys: Any
) -> FeatureNetwork:
    return import_onnx_features(
        np.frombuffer(data, np.uint8), engine=engine, layer=layer, description=Description(**keys)
    )


@pytest.fixture
def data() -> bytes:
    return small([FLATTEN], "flat")


def test_the_default_preprocessing_is_that_of_networks_trained_on_imagenet(data: bytes) -> None:
    assert load(data).preprocessing == Preprocessing(
        scale=1 / 255,
        channels="rgb",
        resize="stretch",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )


def test_model_json_overrides_the_preprocessing_and_the_input_size(data: bytes) -> None:
    network = load(data, channels="bgr", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), input=(32, 16))

    assert network.preprocessing == Preprocessing(channels="bgr")
    assert network.input_size == (32, 16)


def test_a_mean_in_model_json_without_a_std_means_a_std_of_1(data: bytes) -> None:
    network = load(data, mean=(0.485, 0.456, 0.406))

    assert network.preprocessing == Preprocessing(mean=(0.485, 0.456, 0.406))


def test_a_mean_in_the_folder_replaces_mean_and_std_in_the_metadata(data: bytes) -> None:
    def describe(model: ModelProto) -> None:
        described = '{"scale": 1, "mean": [100, 110, 120], "std": [50, 60, 70]}'
        helper.set_model_props(model, {"model.json": described})

    changed = edited(data, describe)

    assert load(changed).preprocessing == Preprocessing(
        scale=1.0, mean=(100.0, 110.0, 120.0), std=(50.0, 60.0, 70.0)
    )
    assert load(changed, mean=(1.0, 2.0, 3.0)).preprocessing == Preprocessing(
        scale=1.0, mean=(1.0, 2.0, 3.0)
    )
    assert load(changed, channels="bgr").preprocessing == Preprocessing(
        scale=1.0, channels="bgr", mean=(120.0, 110.0, 100.0), std=(70.0, 60.0, 50.0)
    )


def test_a_requested_size_overrides_model_jsons(data: bytes) -> None:
    network = import_onnx_features(
        np.frombuffer(data, np.uint8),
        layer="maps",
        input_size=(24, 8),
        description=Description(input=(32, 16)),
    )

    assert network.input_size == (24, 8)


def test_model_json_in_the_folder_overrides_model_json_in_the_metadata(data: bytes) -> None:
    def describe(model: ModelProto) -> None:
        helper.set_model_props(model, {"model.json": '{"padding": 3, "channels": "bgr"}'})

    preprocessing = load(edited(data, describe), padding=5).preprocessing

    assert (preprocessing.padding, preprocessing.channels) == (5, "bgr")


@pytest.mark.parametrize("engine", ["opencv", "onnxruntime"])
@pytest.mark.parametrize("layer", ["maps", "flat"])
def test_both_engines_return_outputs_of_any_shape(data: bytes, layer: str, engine: str) -> None:
    extractor = FeatureExtractor(load(data, engine=engine, layer=layer), engine=engine)

    assert extractor.size == 4


@pytest.mark.parametrize("engine", ["opencv", "onnxruntime"])
def test_half_precision_is_refused(data: bytes, engine: str) -> None:
    def halve(model: ModelProto) -> None:
        model.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
        model.CopyFrom(convert_float_to_float16(model, disable_shape_infer=True))

    with pytest.raises(ModelError, match="features need single precision"):
        load(edited(data, halve), engine=engine)


def test_weights_in_another_file_that_is_not_given_are_refused(data: bytes) -> None:
    def move_weight(model: ModelProto) -> None:
        model.graph.initializer[0].data_location = TensorProto.EXTERNAL

    with pytest.raises(ModelError, match="its weights are in '', which must be in the same folder"):
        load(edited(data, move_weight))


def test_an_operator_that_crashes_opencv_is_refused_only_if_the_layer_needs_it() -> None:
    detector = onnx_models.yolov8_with_nms()
    nodes = onnx.load_from_string(detector).graph.node
    convolution = next(node.output[0] for node in nodes if node.op_type == "Conv")

    assert load(detector, layer=convolution).output == convolution
    with pytest.raises(ModelError, match=r"holds NonMaxSuppression, .* ENGINE=onnxruntime may"):
        load(detector, layer="output0")


def test_a_file_that_is_not_onnx_is_refused() -> None:
    with pytest.raises(ModelError, match="not ONNX at all"):
        load(b"PK\x03\x04" + bytes(100))
