"""Collects facts about an ONNX network from its file and from a run of it; see `onnx_facts`."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...object_detection.engines.engine import NO_WEIGHTS
from ...object_detection.engines.registry import engine_class
from ...object_detection.network import Network
from ...object_detection.onnx.external_data import unused_bytes
from ...object_detection.onnx.graph import more_outputs
from ...object_detection.onnx.reader import Node, OnnxFile, read_onnx
from .facts import HeadFacts, NetworkFacts

_COUNTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")

_Shapes = Mapping[str, tuple[int, ...]]


def onnx_facts(network: Network, engine: str) -> NetworkFacts:
    """Reads the network's file, and runs the network once.

    Args:
        network: what `import_onnx` made.
        engine: a name in `ENGINE_NAMES`.

    Raises:
        ModelError: the engine cannot run the network.
    """
    file = read_onnx(network.onnx)
    counted = [node for node in file.nodes if node.operator in _COUNTED]
    known = all(node.operator == "MatMul" or node.inputs[1] in file.weights for node in counted)
    shapes = _shapes(network, file, engine)
    summary = network.head.summary
    anchors = summary.anchors or ((),) * len(network.outputs)
    return NetworkFacts(
        "onnx",
        summary.family,
        len(file.nodes),
        sum(math.prod(shape) for shape in file.weights.values()),
        sum(_multiply_adds(node, shapes) for node in counted) if known else None,
        network.input_size,
        tuple(
            HeadFacts(summary.name, name, shapes[name], anchors=level, evidence=network.evidence)
            for name, level in zip(network.outputs, anchors, strict=True)
        ),
        network.preprocessing,
        notes=_notes(network),
    )


def _notes(network: Network) -> tuple[str, ...]:
    left_out, batch = network.head.summary.left_out, network.preprocessing.form.batch
    notes = [f"{left_out} are left out"] if left_out else []
    if batch > 1:
        notes.append(
            f"its batch is fixed at {batch} images: one image costs as much as {batch}, also in "
            "the GFLOPs and times above; export it with a batch of 1"
        )
    return tuple(notes)


def unused_weights(onnx: NDArray[np.uint8], sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Describes how many bytes of files with weights a network does not use.

    Args:
        onnx: the file that names them, `(bytes,) uint8`.
        sizes: of those files, in bytes, by name.
    """
    return tuple(
        f"{name} has {unused:,} bytes, of {sizes[name]:,}, that the network does not use"
        for name, unused in unused_bytes(onnx, sizes).items()
        if unused
    )


def _shapes(network: Network, file: OnnxFile, engine: str) -> _Shapes:
    """Returns the shapes of the outputs, and of the values that multiply-adds depend on.

    A file need not hold these shapes, so an engine runs the network with the values as outputs.
    """
    inputs = [tensor.name for tensor in file.inputs]
    outputs = [tensor.name for tensor in file.outputs]
    needed = dict.fromkeys(
        name
        for node in file.nodes
        if node.operator in _COUNTED
        for name in (node.outputs[0], node.inputs[0])
        if name not in file.weights and name not in inputs
    )
    extra = [name for name in needed if name not in outputs]
    engine_type = engine_class(engine)
    # the number of dimensions is not known either; an engine that needs one takes any
    more = more_outputs(extra, dimensions=4 if engine_type.needs_dimensions else None)
    names = [*outputs, *extra]
    onnx = np.concatenate([network.onnx, np.frombuffer(more, np.uint8)])
    loaded = engine_type(onnx, names, network.inputs, network.weights or NO_WEIGHTS)
    width, height = network.input_size
    grey = np.full((1, 3, height, width), 0.5, np.float32)
    image = network.preprocessing.form.example(grey)
    values = zip(names, loaded.forward(image), strict=True)
    shapes = {name: value.shape for name, value in values}
    given = dict.fromkeys(inputs, image.shape)
    given |= {name: value.shape for name, value in network.inputs.constants.items()}
    return {**shapes, **given, **file.weights}


def _multiply_adds(node: Node, shapes: _Shapes) -> int:
    """Counts the products of one node.

    A convolution has a product for each number of its output and each weight of one filter. A
    transposed convolution has one for each number of its input instead.
    """
    source, output = shapes[node.inputs[0]], shapes[node.outputs[0]]
    if node.operator == "MatMul":
        return math.prod(output) * source[-1]
    kernel = shapes[node.inputs[1]]
    if node.operator == "Gemm":
        return output[0] * math.prod(kernel)
    return math.prod(output if node.operator == "Conv" else source) * math.prod(kernel[1:])
