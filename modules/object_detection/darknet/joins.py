"""Layers of a Darknet network that join others, as ONNX nodes; `JOINS` lists them by kind.

Each is `_add_<kind>`; see layers.py.
"""

from __future__ import annotations

from collections.abc import Callable

from .cfg import Section
from .network import Blob, NetworkBuilder
from .weights import ShortcutWeights


def _add_route(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    sources = [network.layer(section, "layers", at) for at in section.integers("layers")]
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
    """Adds layers to the one before, channel by channel as far as both have some (shortcut_cpu)."""
    sources = [network.layer(section, "from", at) for at in section.integers("from")]
    for source in sources:
        network.check_same_size(section, "from", previous, source)
    first, *others = _weigh(network, section, [previous, *sources])
    total = first
    for source in others:
        name = _add_channels(network, total, source)
        total = Blob(name, previous.channels, previous.height, previous.width)
    name = network.activate(section, total.name, "linear")
    return Blob(name, previous.channels, previous.height, previous.width)


def _weigh(network: NetworkBuilder, section: Section, layers: list[Blob]) -> list[Blob]:
    """Multiplies the layers by the shortcut's weights, where it has some."""
    kind = _word(section, "weights_type", _WEIGHTS_TYPES)
    if kind == "none":
        return layers
    normalization = _word(section, "weights_normalization", _NORMALIZATIONS)
    if any(layer.channels != layers[0].channels for layer in layers):
        raise section.error(
            "weights between layers of different channels are not supported", "weights_type"
        )
    channels = (layers[0].channels,) if kind == "per_channel" else ()
    weights = ShortcutWeights(section, (len(layers), *channels), normalization)
    network.add_weights(weights)
    weighed = []
    for name, layer in zip(weights.names, layers, strict=True):
        weight = network.graph.weight(name, (*channels, 1, 1) if channels else (1,))
        product = network.graph.node("Mul", [layer.name, weight])
        weighed.append(Blob(product, layer.channels, layer.height, layer.width))
    return weighed


def _word(section: Section, option: str, words: dict[str, str]) -> str:
    word = section.word(option, "none")
    if word not in words:
        raise section.error(
            f"{option}={word} is not supported; these are: {', '.join(words)}", option
        )
    return words[word]


# Darknet's words, each with what it means
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
    """Multiplies an earlier layer by the one before, which has a number a channel.

    Or, with scale_wh, a number a pixel. Squeeze and excitation; adaptively spatial feature fusion.
    """
    source = network.layer(section, "from", section.integer("from"))
    if section.integer("scale_wh", 0):
        wanted = Blob("", 1, source.height, source.width)
    else:
        wanted = Blob("", source.channels, 1, 1)
    if previous.shape != wanted.shape:
        raise section.error(f"the layer before must be {wanted}; it is {previous}")
    # OpenCV 5.0 keeps channels in blocks, and spreads one over many wrongly unless it is reshaped
    factors = network.graph.node("Reshape", [previous.name, network.graph.integers(*wanted.shape)])
    name = network.graph.node("Mul", [source.name, factors])
    name = network.activate(section, name, "linear")
    return Blob(name, source.channels, source.height, source.width)


def _add_sam(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    """Multiplies the layer before by an earlier one (spatial attention)."""
    source = network.layer(section, "from", section.integer("from"))
    if source.shape != previous.shape:
        raise section.error(f"the layers differ in shape: {previous} and {source}", "from")
    name = network.graph.node("Mul", [previous.name, source.name])
    name = network.activate(section, name, "linear")
    return Blob(name, previous.channels, previous.height, previous.width)


JOINS: dict[str, Callable[[NetworkBuilder, Section, Blob], Blob]] = {
    "route": _add_route,
    "sam": _add_sam,
    "scale_channels": _add_scale_channels,
    "shortcut": _add_shortcut,
}
