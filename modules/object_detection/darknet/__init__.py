"""Imports a Darknet network: `.cfg` text + `.weights` stream -> ONNX; start at `import_darknet`.

OpenCV 5 reads no Darknet files any more. The weights are read a layer at a time straight into
their places in the ONNX bytes, so that a model costs its own size in memory, once.
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
    apart: bool = False,
) -> Network:
    """Imports a detector.

    Args:
        cfg: the text of the `.cfg`.
        weights: the `.weights`, read once from front to back.
        input_size: (width, height) to run at, where it is not to be the cfg's own.
        tree: the text of the file that a `tree=` in the cfg names (YOLO9000), if one does.
        decoded: whether the network itself decodes its boxes; see decoding.py.
        apart: whether the weights may lie beside the ONNX bytes, where the system can have them so;
            see `Network.weights`.

    Raises:
        CfgError: the cfg is malformed, asks for what is not supported, or for more than fits; the
            tree is missing or malformed; `input_size` does not suit the network.
        WeightsError: the stream holds fewer or more bytes than the cfg calls for, or numbers that
            no training leaves behind.
    """
    net, layers = parse_cfg(cfg)
    class_tree = None if tree is None else parse_tree(tree)
    builder = build_network(net, layers, input_size, class_tree)
    if decoded:
        from .decoding import add_decoding  # for exports alone; the function needs it not

        add_decoding(builder)
    onnx, places, kept = _lay_out(builder.graph, apart)
    read_weights(weights, builder.weights, places)
    return Network(
        onnx,
        (builder.input.width, builder.input.height),
        tuple(builder.outputs),
        HeadPerOutput(tuple(builder.heads)),
        builder.preprocessing,
        weights=kept,
    )


def _lay_out(graph: Graph, apart: bool) -> tuple[NDArray[np.uint8], Places, Places | None]:
    """The ONNX bytes, the places of the weights, and these again if they lie beside the bytes."""
    if apart:
        with contextlib.suppress(OSError):  # it costs more memory then, and is slower
            onnx, places = graph.serialise_apart()
            return onnx, places, places
    return *graph.serialise(), None
