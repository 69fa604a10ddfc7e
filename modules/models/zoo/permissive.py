"""Networks under the Apache licence, by accuracy for their time: `PERMISSIVE`.

Their accuracy is from the READMEs of YOLOX, D-FINE, DEIMv2, RF-DETR and RT-DETR.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .coco import NAMES
from .model import RemoteFile, ZooModel

_APACHE = "Apache 2.0"
_YOLOX = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/"
_HUB = "https://huggingface.co/onnx-community/{}/resolve/{}/onnx/"


def _described(**keys: Any) -> Mapping[str, Any]:
    return {**keys, "names": list(NAMES)}


def _exported_by_the_hub(
    name: str, repository: str, revision: str, sha256: str, size: int
) -> tuple[RemoteFile, ...]:
    folder = _HUB.format(repository, revision)
    return (RemoteFile(f"{name}.onnx", folder, sha256, size, "model.onnx"),)


PERMISSIVE = (
    ZooModel(
        "yolox-nano",
        "YOLOX",
        (416, 416),
        _APACHE,
        (
            RemoteFile(
                "yolox_nano.onnx",
                _YOLOX,
                "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d",
                3_659_407,
            ),
        ),
        map50_95=25.8,
        description=_described(),
    ),
    ZooModel(
        "yolox-tiny",
        "YOLOX",
        (416, 416),
        _APACHE,
        (
            RemoteFile(
                "yolox_tiny.onnx",
                _YOLOX,
                "427cc366d34e27ff7a03e2899b5e3671425c262ea2291f88bb942bc1cc70b0f7",
                20_219_662,
            ),
        ),
        map50_95=32.8,
        is_timed_with_random_weights=True,
        description=_described(),
    ),
    ZooModel(
        "yolox-s",
        "YOLOX",
        (640, 640),
        _APACHE,
        (
            RemoteFile(
                "yolox_s.onnx",
                _YOLOX,
                "c5c2d13e59ae883e6af3b45daea64af4833a4951c92d116ec270d9ddbe998063",
                35_858_002,
            ),
        ),
        map50_95=40.5,
        is_timed_with_random_weights=True,
        description=_described(),
    ),
    ZooModel(
        "d-fine-n",
        "D-FINE",
        (640, 640),
        _APACHE,
        (),
        map50_95=42.8,
        is_timed_with_random_weights=True,
    ),
    ZooModel(
        "d-fine-s",
        "D-FINE",
        (640, 640),
        _APACHE,
        _exported_by_the_hub(
            "d-fine-s",
            "dfine_s_coco-ONNX",
            "a3cf03147a9b86c78475139115c8ac142577352d",
            "cd8a49a945feda6d28c6304ae8ae85c2759ba1d78a5a83a22c5ce8db82ef7238",
            41_535_197,
        ),
        map50_95=48.5,
        is_timed_with_random_weights=True,
        description=_described(input=640, head="detr", family="d-fine"),
    ),
    *(
        ZooModel(
            name,
            "DEIMv2",
            (side, side),
            _APACHE,
            (),
            map50_95=accuracy,
            is_timed_with_random_weights=True,
        )
        for name, side, accuracy in (
            ("deimv2-atto", 320, 23.8),
            ("deimv2-femto", 416, 31.0),
            ("deimv2-pico", 640, 38.5),
            ("deimv2-n", 640, 43.0),
        )
    ),
    ZooModel(
        "rf-detr-nano",
        "RF-DETR",
        (384, 384),
        _APACHE,
        _exported_by_the_hub(
            "rf-detr-nano",
            "rfdetr_nano-ONNX",
            "eae21cee0687a91bcf9fa071605c48d7705d2d91",
            "9cbac6b11ce34a03034e4d5a24cfac5f18632fd6761d1311dd640232088d7fee",
            108_074_865,
        ),
        map50_95=48.4,
        is_timed_with_random_weights=True,
        description=_described(
            input=384, head="detr", mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]
        ),
    ),
    ZooModel(
        "rt-detrv2-s",
        "RT-DETRv2",
        (640, 640),
        _APACHE,
        _exported_by_the_hub(
            "rt-detrv2-s",
            "rtdetr_v2_r18vd-ONNX",
            "936f90b6a476c6da4dfe053fc521af55285976ba",
            "583a236ac21c95a7fd94f284fc21485e42355bfef82c27011ba78fbc09ee87e2",
            81_057_510,
        ),
        map50_95=48.1,
        is_timed_with_random_weights=True,
        description=_described(input=640, head="detr", family="rt-detr"),
    ),
)
