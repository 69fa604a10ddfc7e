"""Makes a ResNet-50 in ONNX with random weights, for tests and benchmarks; start at `resnet50`.

    .venv/bin/python -m tests.resnet50 FOLDER

writes a model folder as large as the real one, 102 MB. The layers and their names are those of
resnet50-v1-12.onnx in github.com/onnx/models; batch norms are folded. A quarter of the `width`
needs a sixteenth of the arithmetic.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

POOLED = "resnetv17_pool1_fwd"
FLAT = "flatten_473"
LOGITS = "resnetv17_dense0_fwd"
CLASSES = 1000
_SIDE = 224
_BLOCKS = (3, 4, 6, 3)  # in each stage
_EXPANSION = 4  # the output of a block has so many times its inner channels
_BRANCH_SCALE = 0.2  # of a block's residual branch, so that values stay small over 16 blocks


class _Layers:
    """Collects the nodes and the weights of the graph, in order."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def weight(self, name: str, shape: tuple[int, ...], spread: float) -> str:
        values = self.rng.standard_normal(shape, np.float32) * np.float32(spread)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def node(self, operator: str, name: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node; its output has the same name, which is returned."""
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def convolution(
        self,
        prefix: str,
        source: str,
        channels: tuple[int, int],
        side: int = 1,
        stride: int = 1,
        scale: float = 1.0,
    ) -> str:
        """Adds a convolution; returns its output's name.

        `channels` are those of the input and the output. The weights follow He's initialisation,
        times `scale`.
        """
        fan_in = channels[0] * side**2
        shape = (channels[1], channels[0], side, side)
        kernel = self.weight(f"{prefix}_weight", shape, scale * (2 / fan_in) ** 0.5)
        bias = self.weight(f"{prefix}_bias", shape[:1], 0.1 * scale)
        return self.node(
            "Conv",
            f"{prefix}_fwd",
            source,
            kernel,
            bias,
            kernel_shape=[side, side],
            strides=[stride, stride],
            pads=[side // 2] * 4,
        )

    def block(self, stage: str, number: int, source: str, channels: int, stride: int) -> str:
        """Adds the bottleneck block `number` of a stage; returns its output's name.

        `channels` are those of the output. The first block of a stage changes the shape.
        """
        inner = channels // _EXPANSION
        first = 3 * number + 1 if number else 0  # the first block has four convolutions
        names = [f"{stage}_conv{first + index}" for index in range(4)]
        into = channels if number else (inner if stride == 1 else channels // 2)
        value = self.convolution(names[0], source, (into, inner), stride=stride)
        value = self.node("Relu", f"{stage}_relu{2 * number}_fwd", value)
        value = self.convolution(names[1], value, (inner, inner), side=3)
        value = self.node("Relu", f"{stage}_relu{2 * number + 1}_fwd", value)
        value = self.convolution(names[2], value, (inner, channels), scale=_BRANCH_SCALE)
        if not number:
            source = self.convolution(names[3], source, (into, channels), stride=stride, scale=0.7)
        value = self.node("Add", f"{stage}__plus{number}", value, source)
        return self.node("Relu", f"{stage}_activation{number}", value)


def resnet50(*, seed: int = 0, width: int = 64) -> ModelProto:
    """Returns the network; it has 32 * `width` features, 2,048 in the real one."""
    layers = _Layers(seed)
    value = layers.convolution("resnetv17_conv0", "data", (3, width), side=7, stride=2)
    value = layers.node("Relu", "resnetv17_relu0_fwd", value)
    pool = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    value = layers.node("MaxPool", "resnetv17_pool0_fwd", value, **pool)
    channels = width
    for stage, blocks in enumerate(_BLOCKS, 1):
        channels = _EXPANSION * width << (stage - 1)
        for number in range(blocks):
            stride = 1 if number or stage == 1 else 2
            value = layers.block(f"resnetv17_stage{stage}", number, value, channels, stride)
    value = layers.node("GlobalAveragePool", POOLED, value)
    value = layers.node("Flatten", FLAT, value)
    kernel = layers.weight("resnetv17_dense0_weight", (CLASSES, channels), channels**-0.5)
    bias = layers.weight("resnetv17_dense0_bias", (CLASSES,), 0.1)
    layers.node("Gemm", LOGITS, value, kernel, bias, transB=1)
    graph = helper.make_graph(
        layers.nodes,
        "resnet50",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["N", 3, _SIDE, _SIDE])],
        [helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["N", CLASSES])],
        layers.weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)


def write_resnet50(folder: Path, *, seed: int = 0, width: int = 64) -> Path:
    """Writes the model folder; returns its path."""
    folder.mkdir(parents=True)
    data = resnet50(seed=seed, width=width).SerializeToString()
    (folder / "resnet50-v1-12.onnx").write_bytes(data)
    return folder


if __name__ == "__main__":
    print(write_resnet50(Path(sys.argv[1])))
