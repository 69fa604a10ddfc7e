"""Networks that compute features of whole images: `CLASSIFIERS`."""

from __future__ import annotations

from .model import FEATURES, RemoteFile, ZooModel

_ONNX_MODELS = (
    "https://github.com/onnx/models/raw/main/validated/vision/classification/resnet/model/"
)

CLASSIFIERS = (
    ZooModel(
        "resnet50",
        FEATURES,
        (224, 224),
        "Apache 2.0",
        (
            RemoteFile(
                "resnet50-v1-12.onnx",
                _ONNX_MODELS,
                "3f03fdef724b22947eed826f1eef1dc5c34151bb4c37d634f1db89dfa2dd1526",
                102_576_593,
            ),
        ),
    ),
    ZooModel(
        "resnet50-v2",
        FEATURES,
        (224, 224),
        "Apache 2.0",
        (
            RemoteFile(
                "resnet50-v2-7.onnx",
                _ONNX_MODELS,
                "79102261eb6e5fd7af5d27f41316293e388c5cb691e5d25bfb035c4f64fefe31",
                102_442_452,
            ),
        ),
    ),
)
