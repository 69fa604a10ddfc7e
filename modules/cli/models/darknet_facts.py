"""Collects facts about a Darknet network from its `.cfg`; see `darknet_facts`."""

from __future__ import annotations

from collections import Counter

from ...object_detection.darknet.cfg import Section, parse_cfg
from ...object_detection.darknet.layers import build_network
from ...object_detection.darknet.network import NetworkBuilder
from ...object_detection.darknet.options import command_line_options, ignored_options
from ...object_detection.darknet.tree import parse_tree
from ...object_detection.heads.head import Head
from ...object_detection.network import Network
from .facts import HeadFacts, NetworkFacts


def darknet_facts(
    cfg: str, loaded: Network | None = None, *, tree: str | None = None
) -> NetworkFacts:
    """Reads a cfg, and its tree of classes if it has one.

    Args:
        cfg: the text of the `.cfg`.
        loaded: the imported network, if the model loads; its input size overrides the cfg's.
        tree: the text of the `*.tree`, if the folder has one.

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
        network.heads[0].summary.family,
        len(sections),
        sum(weights.values for weights in network.weights),
        sum(_multiply_adds(network, section) for section in sections),
        size,
        heads,
        loaded.preprocessing if loaded else None,
        notes=(*_other_suppression(sections), *_ignored([net, *sections])),
        problems=_size_problems(size, heads),
    )


def _multiply_adds(network: NetworkBuilder, section: Section) -> int:
    if section.kind != "convolutional":
        return 0
    output = network.layers[section.index]
    source = network.layers[section.index - 1] if section.index else network.input
    window = section.integer("size", 1) ** 2 * source.channels // section.integer("groups", 1)
    return window * output.channels * output.height * output.width


def _head_facts(
    name: str, shape: tuple[int, ...], head: Head, input_size: tuple[int, int]
) -> HeadFacts:
    """Describes one output, `shape` `(1, channels, H, W)`; anchors are rounded to 0.01 pixels."""
    stride = round(input_size[0] / shape[3])
    summary = head.summary
    unit = stride if summary.anchors_in_cells else 1
    anchors = tuple(
        (round(width * unit, 2), round(height * unit, 2))
        for level in summary.anchors
        for width, height in level
    )
    return HeadFacts(summary.name, name, shape, stride, anchors, "the cfg")


def _ignored(sections: list[Section]) -> tuple[str, ...]:
    """Makes a note of the options without effect: those of training, and unknown ones."""
    counts = Counter(name for section in sections for name in ignored_options(section))
    if not counts:
        return ()
    names = ", ".join(
        name if times == 1 else f"{name} ({times}x)" for name, times in counts.items()
    )
    return (
        f"options for training or tracking, or unknown ones, which change nothing here: {names}",
    )


def _other_suppression(sections: list[Section]) -> tuple[str, ...]:
    """Makes a note of the options by which Darknet's command line suppresses boxes."""
    found = dict.fromkeys(
        f"{name}={section.options[name].value}"
        for section in sections
        for name in command_line_options(section)
    )
    if not found:
        return ()
    return (
        f"{', '.join(found)}: not followed; overlapping boxes are suppressed by plain intersection "
        "over union, as in Darknet's library and OpenCV. Darknet's command line follows these "
        "options and can keep other boxes",
    )


def _size_problems(size: tuple[int, int], heads: tuple[HeadFacts, ...]) -> tuple[str, ...]:
    stride = max(head.stride or 1 for head in heads)
    if size[0] % stride == 0 == size[1] % stride:
        return ()
    return (
        f"the input is {size[0]} x {size[1]}; both should be multiples of {stride}, "
        "the coarsest stride",
    )
