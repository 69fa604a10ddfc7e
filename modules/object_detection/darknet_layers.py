"""Turns the sections of a cfg into ONNX nodes, kind by kind; start at `build_network`.

Shapes, padding and rounding are Darknet's own (github.com/AlexeyAB/darknet, `make_*_layer` and
`forward_*_layer`). A kind is one function `_add_<kind>`, listed at the end; the options that it
honours stand in darknet_options.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .darknet_cfg import Section
from .darknet_heads import RegionHead, YoloHead
from .darknet_network import Blob, Convolution, NetworkBuilder
from .darknet_options import check_options


def build_network(
    net: Section, layers: Sequence[Section], input_size: tuple[int, int] | None = None
) -> NetworkBuilder:
    """Builds the whole graph, weights still to come.

    Raises:
        CfgError: a kind or an option that is not supported, a value out of range, a reference to
            a layer that does not come before, shapes that do not fit, or no detection head.
    """
    network = NetworkBuilder(net, input_size)
    for section in layers:
        add = _KINDS.get(section.kind)
        if add is None:
            known = ", ".join(sorted(_KINDS))
            raise section.error(f"layers of this kind are not supported; these are: {known}")
        check_options(section)
        previous = network.layers[-1] if network.layers else network.input
        network.layers.append(add(network, section, previous))
    if not network.heads:
        raise layers[-1].error("the network has no [yolo] or [region] layer, so it detects nothing")
    return network


def _add_convolutional(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    filters = section.integer("filters", 1, least=1)
    size = section.integer("size", 1, least=1)
    stride = section.integer("stride", 1, least=1)
    stride_x = section.integer("stride_x", stride, least=1)
    stride_y = section.integer("stride_y", stride, least=1)
    dilation = section.integer("dilation", 1, least=1) if size > 1 else 1
    groups = section.integer("groups", 1, least=1)
    pad = size // 2 if section.integer("pad", 0) else section.integer("padding", 0, least=0)
    if previous.channels % groups or filters % groups:
        raise section.error(
            f"groups={groups} must divide both {previous.channels} input channels "
            f"and {filters} filters",
            "groups",
        )
    if dilation > 1 and 2 * pad != size - 1:
        # Darknet reckons the output's size without the dilation, which then reads past the edge
        raise section.error("dilation is supported only with pad=1 and an odd size", "dilation")
    height = (previous.height + 2 * pad - size) // stride_y + 1
    width = (previous.width + 2 * pad - size) // stride_x + 1
    _check_extent(section, previous, height, width)
    weights = Convolution(
        section,
        filters,
        (filters, previous.channels // groups, size, size),
        section.integer("batch_normalize", 0) != 0,
    )
    network.convolutions.append(weights)
    name = network.graph.node(
        "Conv",
        [
            previous.name,
            network.graph.weight(weights.kernel, weights.kernel_shape),
            network.graph.weight(weights.bias, (filters,)),
        ],
        name=f"conv_{section.index}",
        kernel_shape=(size, size),
        strides=(stride_y, stride_x),
        pads=(pad * dilation,) * 4,
        dilations=(dilation, dilation),
        group=groups,
    )
    return Blob(network.activate(section, name, "logistic"), filters, height, width)


def _add_maxpool(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    stride = section.integer("stride", 1, least=1)
    stride_x = section.integer("stride_x", stride, least=1)
    stride_y = section.integer("stride_y", stride, least=1)
    size = section.integer("size", stride, least=1)
    padding = section.integer("padding", size - 1, least=0)
    height = (previous.height + padding - size) // stride_y + 1
    width = (previous.width + padding - size) // stride_x + 1
    _check_extent(section, previous, height, width)
    # `padding` is the sum of both sides; the first window starts at -padding/2, rounded down
    before, after = padding // 2, padding - padding // 2
    name = network.graph.node(
        "MaxPool",
        [previous.name],
        name=f"maxpool_{section.index}",
        kernel_shape=(size, size),
        strides=(stride_y, stride_x),
        pads=(before, before, after, after),
    )
    return Blob(name, previous.channels, height, width)


def _add_upsample(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    stride = section.integer("stride", 2, least=1)
    scale = section.number("scale", 1.0)
    name = network.graph.node(
        "Resize",
        [previous.name, "", network.graph.floats(1.0, 1.0, float(stride), float(stride))],
        name=f"upsample_{section.index}",
        mode="nearest",
        nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )
    if scale != 1.0:
        name = network.graph.node("Mul", [name, network.graph.floats(scale)])
    return Blob(name, previous.channels, previous.height * stride, previous.width * stride)


def _add_route(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    sources = [network.layer(section, "layers", at) for at in section.integers("layers")]
    groups = section.integer("groups", 1, least=1)
    group_id = section.integer("group_id", 0, least=0)
    if group_id >= groups:
        raise section.error(f"group_id={group_id} must be below groups={groups}", "group_id")
    first = sources[0]
    for source in sources:
        if (source.height, source.width) != (first.height, first.width):
            raise section.error(
                f"the layers differ in size: {_describe(first)} and {_describe(source)}",
                "layers",
            )
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
    total = previous
    for at in section.integers("from"):
        source = network.layer(section, "from", at)
        if (source.height, source.width) != (previous.height, previous.width):
            raise section.error(
                f"the layers differ in size: {_describe(previous)} and {_describe(source)}", "from"
            )
        name = _add_channels(network, total, source)
        total = Blob(name, previous.channels, previous.height, previous.width)
    name = network.activate(section, total.name, "linear")
    return Blob(name, previous.channels, previous.height, previous.width)


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


def _add_avgpool(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    name = network.graph.node("GlobalAveragePool", [previous.name])
    return Blob(name, previous.channels, 1, 1)


def _add_scale_channels(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    """Multiplies each channel of an earlier layer by one number of the layer before."""
    source = network.layer(section, "from", section.integer("from"))
    if previous.shape != (1, source.channels, 1, 1):
        raise section.error(
            f"the layer before must be 1 x 1 x {source.channels}; it is {_describe(previous)}"
        )
    name = network.graph.node("Mul", [source.name, previous.name])
    name = network.activate(section, name, "linear")
    return Blob(name, source.channels, source.height, source.width)


def _add_sam(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    """Multiplies the layer before by an earlier one (spatial attention)."""
    source = network.layer(section, "from", section.integer("from"))
    if source.shape != previous.shape:
        raise section.error(
            f"the layers differ in shape: {_describe(previous)} and {_describe(source)}", "from"
        )
    name = network.graph.node("Mul", [previous.name, source.name])
    name = network.activate(section, name, "linear")
    return Blob(name, previous.channels, previous.height, previous.width)


def _add_reorg(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    """Space to depth, in the order that YOLOv2 was trained with.

    reorg_cpu reads its input as if that were the larger, shallower side, C/s^2 x sH x sW, takes
    every s-th pixel of that, and the outcome, C x H x W, is then read as s^2 C x H/s x W/s.
    """
    stride = section.integer("stride", 1, least=1)
    channels, height, width = previous.channels, previous.height, previous.width
    if channels % stride**2 or height % stride or width % stride:
        raise section.error(
            f"stride={stride} does not divide {_describe(previous)}, channels by its square",
            "stride",
        )
    graph = network.graph
    shallow = (channels // stride**2, height, stride, width, stride)
    name = graph.node("Reshape", [previous.name, graph.integers(*shallow)])
    name = graph.node("Transpose", [name], perm=(2, 4, 0, 1, 3))
    blob = Blob("", channels * stride**2, height // stride, width // stride)
    name = graph.node("Reshape", [name, graph.integers(*blob.shape)], name=f"reorg_{section.index}")
    return Blob(name, blob.channels, blob.height, blob.width)


def _add_dropout(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    return previous  # at inference Darknet passes its input on unchanged


def _add_yolo(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    anchors = _anchors(section)
    mask = section.integers("mask") if "mask" in section.options else tuple(range(len(anchors)))
    for index in mask:
        if not 0 <= index < len(anchors):
            raise section.error(f"mask: {index} is not from 0 to num-1={len(anchors) - 1}", "mask")
    classes = section.integer("classes", 20, least=1)
    _check_filters(section, previous, len(mask), classes)
    head = YoloHead(
        tuple(anchors[index] for index in mask),
        classes,
        section.number("scale_x_y", 1.0),
        section.integer("new_coords", 0) != 0,
    )
    network.add_head(head, previous)
    return previous


def _add_region(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    if section.integer("softmax", 0) != 1:
        raise section.error("only softmax=1 is supported", "softmax")
    anchors = _anchors(section)
    classes = section.integer("classes", 20, least=1)
    _check_filters(section, previous, len(anchors), classes)
    network.add_head(RegionHead(anchors, classes), previous)
    return previous


def _anchors(section: Section) -> tuple[tuple[float, float], ...]:
    """All pairs of (width, height), which `num` counts."""
    total = section.integer("num", 1, least=1)
    flat = section.numbers("anchors")
    if len(flat) != 2 * total:
        raise section.error(
            f"num={total} calls for {2 * total} numbers in anchors; found {len(flat)}", "anchors"
        )
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def _check_filters(section: Section, previous: Blob, anchors: int, classes: int) -> None:
    filters = anchors * (5 + classes)
    if previous.channels != filters:
        raise section.error(
            f"{anchors} anchors and {classes} classes call for filters={filters} in the "
            f"layer before; found {previous.channels}"
        )


def _check_extent(section: Section, previous: Blob, height: int, width: int) -> None:
    if height < 1 or width < 1:
        raise section.error(f"nothing is left of an input of {previous.width} x {previous.height}")


def _describe(blob: Blob) -> str:
    return f"{blob.width} x {blob.height} x {blob.channels}"


_KINDS: dict[str, Callable[[NetworkBuilder, Section, Blob], Blob]] = {
    "avgpool": _add_avgpool,
    "convolutional": _add_convolutional,
    "dropout": _add_dropout,
    "maxpool": _add_maxpool,
    "region": _add_region,
    "reorg": _add_reorg,
    "route": _add_route,
    "sam": _add_sam,
    "scale_channels": _add_scale_channels,
    "shortcut": _add_shortcut,
    "upsample": _add_upsample,
    "yolo": _add_yolo,
}
