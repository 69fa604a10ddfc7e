"""Makes a feature extractor's network of a Darknet one; start at `import_darknet_features`."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import CfgError
from ..object_detection.darknet.cfg import Section, parse_cfg
from ..object_detection.darknet.layers import build_network
from ..object_detection.darknet.network import INPUT
from ..object_detection.darknet.tree import parse_tree
from ..object_detection.darknet.weights import WeightsStream, read_weights
from .extract import extract_subgraph
from .extractor import FeatureNetwork

_DIMENSIONS = 4  # of every layer's output


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
        weights: the `.weights`, read once from front to back, those behind the layer too.
        layer: its index, as Darknet counts: `"0"` is the first after `[net]`. It must be there.
        input_size: (width, height) to run at, where it is not to be the cfg's own.
        tree: the text of the file that a `tree=` in the cfg names (YOLO9000), if one does.

    Raises:
        CfgError: there is no such layer, or it is the image itself; or see `import_darknet`.
        WeightsError: see `import_darknet`.
        ModelError: the input is too large.
    """
    net, sections = parse_cfg(cfg)
    index = _index(sections, layer)
    class_tree = None if tree is None else parse_tree(tree)
    builder = build_network(net, sections, input_size, class_tree, detects=False)
    output = builder.layers[index].name
    if output == INPUT:
        raise sections[index].error("it passes the image on as it is; name a layer behind it")
    onnx, places = builder.graph.serialise()
    read_weights(weights, builder.weights, places)
    size = (builder.input.width, builder.input.height)
    found = extract_subgraph(onnx, layer=output, input_size=size, dimensions=_DIMENSIONS)
    return FeatureNetwork(found.onnx, size, found.output, builder.preprocessing)


def _index(sections: Sequence[Section], layer: str | None) -> int:
    known = [str(index) for index in range(len(sections))]
    if layer is None:
        raise CfgError(
            f"it has {len(sections)} layers, and nothing says which are features; name one by its "
            f"index in the cfg, from 0 to {known[-1]}"
        )
    if layer not in known:
        raise CfgError(
            f"it has no layer '{layer}'; it has {len(sections)}, named by their index in the cfg, "
            f"from 0 to {known[-1]}"
        )
    return int(layer)
