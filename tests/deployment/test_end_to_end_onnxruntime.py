"""A deployment with ENGINE=onnxruntime, its layer beside OpenCV's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.colour_model import picture
from tests.deployment.stack import LAYERS, deploy, png


def test_onnx_runtime_in_its_own_layer_finds_the_same(tmp_path: Path) -> None:
    if not (LAYERS / "onnxruntime-x86_64.zip").exists():
        pytest.skip("needs the other layer: `make layer KIND=onnxruntime`")
    with deploy(tmp_path, "engine=onnxruntime") as deployed:
        deployed.drop("input/a.png", png(picture(red=(2, 5))))

        (found,) = deployed.document("output/a.png.json")["detections"]
        assert found["label"] == "red"
        assert found["box"] == {"x": 16.0, "y": 40.0, "width": 8.0, "height": 8.0}
