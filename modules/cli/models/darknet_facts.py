"""What a Darknet `.cfg` says of its network; see `darknet_facts`."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ...object_detection.darknet.cfg import Section, parse_cfg
from ...object_detection.darknet.layers import build_network
from ...object_detection.darknet.network import NetworkBuilder
from ...object_detection.darknet.options import unheeded_options
from ...object_detection.darknet.tree import parse_tree
from ...object_detection.heads.darknet_heads import RegionHead, YoloHead
from ...object_detection.heads.head import OutputHead
from ...object_detection.network import Network
from .facts import HeadFacts, NetworkFacts


def darknet_facts(
    cfg: str, loaded: Network | None = None, *, tree: str | None = None
) -> NetworkFacts:
    """Reads a cfg, and the tree of its classes if it has one.

    Args:
        cfg: its text.
        loaded: what came of it, if it could be loaded; its input may be another than the cfg's.
        tree: the text of a *.tree.

    Raises:
        CfgError: the network cannot be built.
    """
    net, sections = parse_cfg(cfg)
    network = build_network(
        net,
        sections,
        loaded.input_size if loaded else None,
        parse_tree(tree) if tree is not None else None,
    )
    size = (network.input.width, network.input.height)
    heads = tuple(
        _head_facts(name, network.graph.outputs[name], head, size)
        for name, head in zip(network.outputs, network.heads, strict=True)
    )
    return NetworkFacts(
        "darknet",
        _family(network),
        len(sections),
        sum(weights.values for weights in network.weights),
        sum(_multiply_adds(network, section) for section in sections),
        size,
        heads,
        loaded.preprocessing if loaded else None,
        notes=_unheeded([net, *sections]),
        problems=_odd_size(size, heads),
    )


def _family(network: NetworkBuilder) -> str:
    """Which YOLO the heads are of: what differs between the versions."""
    head = network.heads[0]
    if isinstance(head, RegionHead):
        return "YOLOv2"
    if isinstance(head, YoloHead) and head.new_coords:
        return "scaled YOLOv4, or YOLOv7"
    if isinstance(head, YoloHead) and head.scale_x_y != 1.0:
        return "YOLOv4"
    return "YOLOv3"


def _multiply_adds(network: NetworkBuilder, section: Section) -> int:
    if section.kind != "convolutional":
        return 0
    output = network.layers[section.index]
    source = network.layers[section.index - 1] if section.index else network.input
    window = section.integer("size", 1) ** 2 * source.channels // section.integer("groups", 1)
    return window * output.channels * output.height * output.width


def _head_facts(
    name: str, shape: tuple[int, ...], head: OutputHead, size: tuple[int, int]
) -> HeadFacts:
    stride = round(size[0] / shape[3])
    anchors = np.array(getattr(head, "anchors", ()), float).reshape(-1, 2)
    if isinstance(head, RegionHead):
        anchors = anchors * stride
    pairs = tuple((round(width, 2), round(height, 2)) for width, height in anchors.tolist())
    kind = type(head).__name__.removesuffix("Head").lower()
    return HeadFacts(kind, name, shape, stride, pairs)


def _unheeded(sections: list[Section]) -> tuple[str, ...]:
    """Options that are read over: those of training, and those that nobody knows."""
    counts = Counter(name for section in sections for name in unheeded_options(section))
    if not counts:
        return ()
    names = ", ".join(
        name if times == 1 else f"{name} ({times}x)" for name, times in counts.items()
    )
    return (f"settings of training, or unknown, which change nothing here: {names}",)


def _odd_size(size: tuple[int, int], heads: tuple[HeadFacts, ...]) -> tuple[str, ...]:
    stride = max(head.stride or 1 for head in heads)
    if size[0] % stride == 0 == size[1] % stride:
        return ()
    return (f"the input, {size[0]} x {size[1]}, is no multiple of {stride}, the coarsest stride",)
