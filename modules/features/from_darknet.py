"""Imports a Darknet network up to a layer, for features; start at `import_darknet_features`."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import CfgError
from ..object_detection.darknet.cfg import Section, parse_cfg
from ..object_detection.darknet.layers import build_network
from ..object_detection.darknet.network import INPUT
from ..object_detection.darknet.tree import parse_tree
from ..object_detection.darknet.weights import WeightsStream, read_weights
from .extractor import FeatureNetwork
from .subgraph import extract_subgraph

_DIMENSIONS = 4  # of the output of every layer


def import_darknet_features(
    cfg: str,
    weights: WeightsStream,
    *,
    layer: str | None,
    input_size: tuple[int, int] | None = None,
    tree: str | None = None,
) -> FeatureNetwork:
    """Imports a detector or a classifier, and cuts it at a layer.

    Args:
        cfg: the text of the `.cfg`.
        weights: the `.weights`, read once from start to end, including the weights after the layer.
        layer: the layer's index, as Darknet counts: `"0"` is the first section after `[net]`.
            None raises an error that explains this.
        input_size: (width, height) of the input; None takes the cfg's.
        tree: the text of the file that `tree=` in the cfg names (YOLO9000), if there is one.

    Raises:
        CfgError: as in `import_darknet`; or there is no such layer, or its output is the image.
        WeightsError: as in `import_darknet`.
        ModelError: the input is too large.
    """
    net, sections = parse_cfg(cfg)
    index = _index(sections, layer)
    class_tree = None if tree is None else parse_tree(tree)
    builder = build_network(net, sections, input_size, class_tree, detects=False)
    output = builder.layers[index].name
    if output == INPUT:
        raise sections[index].error("its output is the image itself; name a later layer")
    onnx, places = builder.graph.serialise()
    read_weights(weights, builder.weights, places)
    size = (builder.input.width, builder.input.height)
    subgraph = extract_subgraph(onnx, layer=output, input_size=size, dimensions=_DIMENSIONS)
    return FeatureNetwork(subgraph.onnx, size, subgraph.output, builder.preprocessing)


def _index(sections: Sequence[Section], layer: str | None) -> int:
    known = [str(index) for index in range(len(sections))]
    if layer in known:
        return int(layer)
    problem = "no layer is named" if layer is None else f"it has no layer '{layer}'"
    raise CfgError(
        f"{problem}; it has {len(sections)} layers, name one by its index in the cfg, from 0 to "
        f"{known[-1]}"
    )
