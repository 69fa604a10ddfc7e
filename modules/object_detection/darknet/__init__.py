"""Imports a Darknet network: `.cfg` text + `.weights` stream -> ONNX; start at `import_darknet`.

OpenCV 5 no longer reads Darknet files. Each layer's weights are read straight into the ONNX bytes,
so that a model needs memory for one copy of its weights.
"""

from __future__ import annotations

import contextlib

import numpy as np
from numpy.typing import NDArray

from ..heads.head import HeadPerOutput
from ..network import Network
from ..onnx.graph import Graph
from .cfg import parse_cfg
from .layers import build_network
from .tree import parse_tree
from .weights import Places, WeightsStream, read_weights

__all__ = ["WeightsStream", "import_darknet"]


def import_darknet(
    cfg: str,
    weights: WeightsStream,
    *,
    input_size: tuple[int, int] | None = None,
    tree: str | None = None,
    decoded: bool = False,
    external_weights: bool = False,
) -> Network:
    """Imports a detector.

    Args:
        cfg: the text of the `.cfg`.
        weights: the `.weights`, read once from start to end.
        input_size: (width, height) of the input; None takes the cfg's.
        tree: the text of the file that `tree=` in the cfg names (YOLO9000), if there is one.
        decoded: whether the graph decodes the boxes itself; see decoding.py.
        external_weights: whether to keep the weights outside the ONNX bytes, if the system can do
            that; see `Network.weights`.

    Raises:
        CfgError: the cfg is malformed, not supported or too large; the tree is missing or
            malformed; `input_size` does not suit the network.
        WeightsError: the stream has fewer or more bytes than the cfg calls for, or values that no
            training produces.
    """
    net, layers = parse_cfg(cfg)
    class_tree = None if tree is None else parse_tree(tree)
    builder = build_network(net, layers, input_size, class_tree)
    if decoded:
        from .decoding import add_decoding  # only exports need it, not the function

        add_decoding(builder)
    onnx, places, external = _serialise(builder.graph, external_weights)
    read_weights(weights, builder.weights, places)
    return Network(
        onnx,
        (builder.input.width, builder.input.height),
        tuple(builder.outputs),
        HeadPerOutput(tuple(builder.heads)),
        builder.preprocessing,
        weights=external,
    )


def _serialise(
    graph: Graph, external_weights: bool
) -> tuple[NDArray[np.uint8], Places, Places | None]:
    """Returns the ONNX bytes, the weights' tensors, and the tensors again if they are external."""
    if external_weights:
        with contextlib.suppress(OSError):  # else inside the bytes, with more memory and time
            onnx, places = graph.serialise_with_external_weights()
            return onnx, places, places
    return *graph.serialise(), None
