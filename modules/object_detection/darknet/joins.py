"""Adds the layers that combine earlier layers; `JOINS` lists them by kind."""

from __future__ import annotations

from .cfg import Section
from .network import AddLayer, Blob, NetworkBuilder
from .weights import ShortcutWeights


def _add_route(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    sources = network.sources(section, "layers")
    groups = section.integer("groups", 1, least=1)
    group_id = section.integer("group_id", 0, least=0)
    if group_id >= groups:
        raise section.error(f"group_id={group_id} must be below groups={groups}", "group_id")
    first = sources[0]
    for source in sources:
        network.check_same_size(section, "layers", first, source)
        if source.channels % groups:
            raise section.error(
                f"groups={groups} does not divide {source.channels} channels", "groups"
            )
    names = [_take_group(network, source, groups, group_id) for source in sources]
    name = names[0]
    if len(names) > 1:
        name = network.graph.node("Concat", names, name=f"route_{section.index}", axis=1)
    channels = sum(source.channels for source in sources) // groups
    return Blob(name, channels, first.height, first.width)


def _take_group(network: NetworkBuilder, source: Blob, groups: int, group_id: int) -> str:
    if groups == 1:
        return source.name
    size = source.channels // groups
    return network.slice_channels(source, group_id * size, (group_id + 1) * size)


def _add_shortcut(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    """Adds earlier layers to the one before, in the channels that both have (shortcut_cpu)."""
    sources = network.sources(section, "from")
    for source in sources:
        network.check_same_size(section, "from", previous, source)
    total, *others = _weigh(network, section, [previous, *sources])
    for source in others:
        total = total.renamed(_add_channels(network, total, source))
    return previous.renamed(network.activate(section, total.name, "linear"))


def _weigh(network: NetworkBuilder, section: Section, layers: list[Blob]) -> list[Blob]:
    """Multiplies the layers by the shortcut's weights, if it has some."""
    weights_type = _WEIGHTS_TYPES[section.word("weights_type", "none", _WEIGHTS_TYPES)]
    if weights_type == "none":
        return layers
    normalization = _NORMALIZATIONS[section.word("weights_normalization", "none", _NORMALIZATIONS)]
    if any(layer.channels != layers[0].channels for layer in layers):
        raise section.error(
            "weights between layers of different channels are not supported", "weights_type"
        )
    channels = (layers[0].channels,) if weights_type == "per_channel" else ()
    weights = ShortcutWeights(section, (len(layers), *channels), normalization)
    network.add_weights(weights)
    weighed = []
    for name, layer in zip(weights.names, layers, strict=True):
        weight = network.graph.weight(name, (*channels, 1, 1) if channels else (1,))
        product = network.graph.node("Mul", [layer.name, weight])
        weighed.append(layer.renamed(product))
    return weighed


# Darknet's words and their meanings
_WEIGHTS_TYPES = {
    "none": "none",
    "per_feature": "per_feature",
    "per_layer": "per_feature",
    "per_channel": "per_channel",
}
_NORMALIZATIONS = {"none": "none", "relu": "relu", "avg_relu": "relu", "softmax": "softmax"}


def _add_channels(network: NetworkBuilder, total: Blob, source: Blob) -> str:
    """Adds `source` to the first channels of `total`, or its first channels to all of `total`."""
    if source.channels == total.channels:
        return network.graph.node("Add", [total.name, source.name])
    if source.channels > total.channels:
        first = network.slice_channels(source, 0, total.channels)
        return network.graph.node("Add", [total.name, first])
    first = network.slice_channels(total, 0, source.channels)
    rest = network.slice_channels(total, source.channels, total.channels)
    changed = network.graph.node("Add", [first, source.name])
    return network.graph.node("Concat", [changed, rest], axis=1)


def _add_scale_channels(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    """Multiplies an earlier layer by the one before, which has one factor per channel.

    With scale_wh, it has one factor per pixel. Used for squeeze and excitation, and for adaptively
    spatial feature fusion.
    """
    source = network.source(section)
    if section.integer("scale_wh", 0):
        factors = Blob("", 1, source.height, source.width)
    else:
        factors = Blob("", source.channels, 1, 1)
    if previous.shape != factors.shape:
        raise section.error(f"the layer before must be {factors}; it is {previous}")
    # OpenCV 5.0 stores channels in blocks; without the Reshape it broadcasts the factors wrongly
    graph = network.graph
    reshaped = graph.node("Reshape", [previous.name, graph.integers(*factors.shape)])
    name = graph.node("Mul", [source.name, reshaped])
    return source.renamed(network.activate(section, name, "linear"))


def _add_sam(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    """Multiplies the layer before by an earlier one (spatial attention)."""
    source = network.source(section)
    if source.shape != previous.shape:
        raise section.error(f"the layers differ in shape: {previous} and {source}", "from")
    name = network.graph.node("Mul", [previous.name, source.name])
    return previous.renamed(network.activate(section, name, "linear"))


JOINS: dict[str, AddLayer] = {
    "route": _add_route,
    "sam": _add_sam,
    "scale_channels": _add_scale_channels,
    "shortcut": _add_shortcut,
}
