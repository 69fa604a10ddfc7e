"""Darknet networks of a layer or two for tests, run under both engines; start at `layer_output`."""

from __future__ import annotations

import io

import numpy as np
import onnx
import onnxruntime
from numpy.typing import ArrayLike, NDArray

from modules.object_detection.darknet import import_darknet
from modules.object_detection.engines.opencv import OpenCvEngine

NET = "[net]\nwidth=8\nheight=6\nchannels=3\n"
YOLO = "[convolutional]\nfilters=6\nactivation=linear\n[yolo]\nclasses=1\nanchors=2,2\n"
HEADER = np.array([0, 2, 5, 9, 0], "<i4").tobytes()

Array = NDArray[np.float32]


def floats(*values: ArrayLike) -> bytes:
    """What a weights file has for these numbers, one after the other."""
    return b"".join(np.asarray(value, "<f4").tobytes() for value in values)


def run(cfg: str, data: bytes, image: Array) -> Array:
    """The network's one output under ONNX Runtime, after the same under OpenCV was found equal."""
    network = import_darknet(cfg, io.BytesIO(data))
    onnx.checker.check_model(network.onnx.tobytes(), full_check=True)
    session = onnxruntime.InferenceSession(network.onnx.tobytes())
    (expected,) = session.run(list(network.outputs), {"image": image})
    (output,) = OpenCvEngine(network.onnx, network.outputs).forward(image)
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-4)
    return np.asarray(expected)


def layer_output(layers: str, image: Array, channels: int, weights: bytes = b"") -> Array:
    """`(channels, H, W)`: what the last of these layers puts out, of `(1, 3, 6, 8)`.

    weights: those of the layers, without the file's header. A convolution that passes its input on
    and a head follow, as every network needs one.
    """
    filters = max(channels, 6)
    passing = f"[convolutional]\nfilters={filters}\nactivation=linear\n"
    head = f"[yolo]\nclasses={filters - 5}\nanchors=2,2\n"
    data = HEADER + weights + floats(np.zeros(filters), np.eye(filters, channels))
    return run(NET + layers + passing + head, data, image)[0, :channels]


def mixing(rows: ArrayLike) -> tuple[str, bytes]:
    """A 1 x 1 convolution without activation, `(filters, channels)`, and its weights."""
    matrix = np.asarray(rows, np.float32)
    layer = f"[convolutional]\nfilters={len(matrix)}\nactivation=linear\n"
    return layer, floats(np.zeros(len(matrix)), matrix)


def mixed(rows: ArrayLike, image: Array) -> Array:
    """What `mixing` makes of `(C, H, W)`."""
    product: Array = np.einsum("fc,chw->fhw", np.asarray(rows, np.float32), image)
    return product
