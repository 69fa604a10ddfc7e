"""Runs Darknet networks of a layer or two under both engines; start at `layer_output`."""

from __future__ import annotations

import io

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import ArrayLike, NDArray

from modules.errors import CfgError
from modules.object_detection.darknet import import_darknet
from modules.object_detection.darknet.cfg import parse_cfg
from modules.object_detection.darknet.layers import build_network
from modules.object_detection.engines.opencv import OpenCvEngine

NET = "[net]\nwidth=8\nheight=6\nchannels=3\n"
YOLO = "[convolutional]\nfilters=6\nactivation=linear\n[yolo]\nclasses=1\nanchors=2,2\n"
HEADER = np.array([0, 2, 5, 9, 0], "<i4").tobytes()

Array = NDArray[np.float32]


def floats(*values: ArrayLike) -> bytes:
    """Returns the numbers as a weights file holds them."""
    return b"".join(np.asarray(value, "<f4").tobytes() for value in values)


def run(cfg: str, data: bytes, image: Array) -> Array:
    """Returns the network's one output; checks that OpenCV and ONNX Runtime compute the same."""
    network = import_darknet(cfg, io.BytesIO(data))
    onnx.checker.check_model(network.onnx.tobytes(), full_check=True)
    session = onnxruntime.InferenceSession(network.onnx.tobytes())
    (expected,) = session.run(list(network.outputs), {"image": image})
    (output,) = OpenCvEngine(network.onnx, network.outputs).forward(image)
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-4)
    return np.asarray(expected)


def layer_output(layers: str, image: Array, channels: int, weights: bytes = b"") -> Array:
    """Returns the output of the last of these layers, `(channels, H, W)`.

    A convolution that copies its input and a head are added, as every network needs a head.

    Args:
        layers: the sections after `[net]`.
        image: `(1, 3, 6, 8)`.
        channels: the channels of the output.
        weights: the layers' weights, without the file's header.
    """
    filters = max(channels, 6)
    copy = f"[convolutional]\nfilters={filters}\nactivation=linear\n"
    head = f"[yolo]\nclasses={filters - 5}\nanchors=2,2\n"
    data = HEADER + weights + floats(np.zeros(filters), np.eye(filters, channels))
    return run(NET + layers + copy + head, data, image)[0, :channels]


def check_refused(layers: str, message: str) -> None:
    """Checks that a network of these layers is refused with `message`."""
    with pytest.raises(CfgError) as error:
        build_network(*parse_cfg(NET + layers))

    assert message in str(error.value)


def mixing(rows: ArrayLike) -> tuple[str, bytes]:
    """Returns a 1 x 1 convolution without activation, and its weights, `(filters, channels)`."""
    matrix = np.asarray(rows, np.float32)
    layer = f"[convolutional]\nfilters={len(matrix)}\nactivation=linear\n"
    return layer, floats(np.zeros(len(matrix)), matrix)


def mixed(rows: ArrayLike, image: Array) -> Array:
    """Returns the output of `mixing` for an image `(C, H, W)`."""
    product: Array = np.einsum("fc,chw->fhw", np.asarray(rows, np.float32), image)
    return product
