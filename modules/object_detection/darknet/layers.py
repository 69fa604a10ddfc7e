"""Turns the sections of a cfg into the nodes of an ONNX graph; start at `build_network`.

Each kind of section has one function `_add_<kind>`, here or in joins.py, resampling.py or
detections.py; its options are in options.py. Shapes, padding and rounding are Darknet's
(github.com/AlexeyAB/darknet, `make_*_layer` and `forward_*_layer`).
"""

from __future__ import annotations

from collections.abc import Sequence

from .cfg import Section
from .detections import DETECTIONS
from .joins import JOINS
from .network import AddLayer, Blob, NetworkBuilder
from .options import check_options
from .resampling import MAX_WINDOW, RESAMPLERS, check_not_empty, strides
from .tree import ClassTree
from .weights import Convolution


def build_network(
    net: Section,
    layers: Sequence[Section],
    input_size: tuple[int, int] | None = None,
    tree: ClassTree | None = None,
    *,
    detects: bool = True,
) -> NetworkBuilder:
    """Builds the whole graph; the weights are filled in later, see weights.py.

    Args:
        net: the section `[net]`.
        layers: the other sections.
        input_size: (width, height); None takes the cfg's.
        tree: the tree of the classes, if a section names one.
        detects: whether a detection head is required; a classifier has none.

    Raises:
        CfgError: a kind or an option is not supported, a value is out of range, a section refers
            to a layer that does not come before it, shapes do not fit, or there is no detection
            head.
    """
    network = NetworkBuilder(net, input_size, tree)
    for section in layers:
        add = _KINDS.get(section.kind)
        if add is None:
            reason = f" ({_REFUSED[section.kind]})" if section.kind in _REFUSED else ""
            known = ", ".join(sorted(_KINDS, key=str.lower))
            raise section.error(
                f"layers of this kind are not supported{reason}; supported: {known}"
            )
        check_options(section)
        previous = network.layers[-1] if network.layers else network.input
        network.add_layer(section, add(network, section, previous))
    if detects and not network.heads:
        known = ", ".join(f"[{kind}]" for kind in sorted(DETECTIONS, key=str.lower))
        raise layers[-1].error(f"the network has no detection layer; supported: {known}")
    return network


def _add_convolutional(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    filters = section.integer("filters", 1, least=1)
    size = section.integer("size", 1, least=1, most=MAX_WINDOW)
    stride_x, stride_y = strides(section)
    dilation = section.integer("dilation", 1, least=1, most=MAX_WINDOW) if size > 1 else 1
    groups = section.integer("groups", 1, least=1)
    pad = size // 2 if section.integer("pad", 0) else section.integer("padding", 0, least=0)
    if previous.channels % groups or filters % groups:
        raise section.error(
            f"groups={groups} must divide both {previous.channels} input channels "
            f"and {filters} filters",
            "groups",
        )
    if dilation > 1 and 2 * pad != size - 1:
        # Darknet ignores the dilation when it computes the output's size
        raise section.error("dilation is supported only with pad=1 and an odd size", "dilation")
    height = (previous.height + 2 * pad - size) // stride_y + 1
    width = (previous.width + 2 * pad - size) // stride_x + 1
    check_not_empty(section, previous, height, width)
    weights = _convolution(network, section, (filters, previous.channels // groups, size, size))
    source, pad = previous.name, pad * dilation
    if weights.xnor:
        source, pad = _signs(network, source, pad), 0
    name = network.graph.node(
        "Conv",
        [source, weights.kernel, weights.bias],
        name=f"conv_{section.index}",
        kernel_shape=(size, size),
        strides=(stride_y, stride_x),
        pads=(pad,) * 4,
        dilations=(dilation, dilation),
        group=groups,
    )
    return Blob(network.activate(section, name, "logistic"), filters, height, width)


def _convolution(
    network: NetworkBuilder, section: Section, kernel_shape: tuple[int, int, int, int]
) -> Convolution:
    """Returns the weights of a convolution: its own, or those of the earlier layer it shares."""
    batch_normalize = section.integer("batch_normalize", 0) != 0
    own = Convolution(section, kernel_shape, batch_normalize, section.integer("xnor", 0) != 0)
    if "share_index" in section.options:
        at = section.integer("share_index")
        shared = network.convolutions.get(network.index(section, "share_index", at))
        if shared is None:
            raise section.error(f"share_index: layer {at} is not a [convolutional]", "share_index")
        for name in ("kernel_shape", "batch_normalize", "xnor"):
            if getattr(shared, name) != getattr(own, name):
                raise section.error(
                    f"share_index: layer {at} differs in {name}: {getattr(shared, name)}, "
                    f"here {getattr(own, name)}",
                    "share_index",
                )
        own = shared
    else:
        network.add_weights(own)
        network.graph.weight(own.kernel, kernel_shape)
        network.graph.weight(own.bias, (own.filters,))
    network.convolutions[section.index] = own
    return own


def _signs(network: NetworkBuilder, source: str, pad: int) -> str:
    """Replaces values above 0 by 1, and others by -1; pads with -1, as Darknet's bit 0 means."""
    graph = network.graph
    positive = graph.node("Greater", [source, graph.floats(0.0)])
    name = graph.node("Where", [positive, graph.floats(1.0), graph.floats(-1.0)])
    if pad:
        pads = graph.integers(0, 0, pad, pad, 0, 0, pad, pad)
        name = graph.node("Pad", [name, pads, graph.floats(-1.0)])
    return name


def _add_softmax(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    """Applies softmax to each of `groups` equal parts of the layer before (softmax_cpu)."""
    groups = section.integer("groups", 1, least=1)
    temperature = section.number("temperature", 1.0)
    values = previous.channels * previous.height * previous.width
    if values % groups or temperature <= 0:
        raise section.error(
            f"groups={groups} must divide {values} values, and temperature={temperature} must be "
            "above 0"
        )
    graph = network.graph
    name = graph.node("Reshape", [previous.name, graph.integers(groups, values // groups)])
    name = graph.node("Softmax", [graph.node("Div", [name, graph.floats(temperature)])], axis=1)
    name = graph.node("Reshape", [name, graph.integers(*previous.shape)])
    return previous.renamed(name)


def _add_nothing(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    return previous  # in inference Darknet leaves the input of such a layer unchanged


_KINDS: dict[str, AddLayer] = {
    "contrastive": _add_nothing,
    "convolutional": _add_convolutional,
    "cost": _add_nothing,
    "dropout": _add_nothing,
    "empty": _add_nothing,
    "softmax": _add_softmax,
    **JOINS,
    **RESAMPLERS,
    **DETECTIONS,
}

_RECURRENT = "they need the earlier frames of a video; images are independent"
_REFUSED = {
    **dict.fromkeys(["conv_lstm", "crnn", "gru", "history", "lstm", "rnn"], _RECURRENT),
    "detection": "YOLOv1 is too old; YOLOv2 and later are supported",
}
