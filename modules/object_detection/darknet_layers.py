"""Turns the sections of a cfg into ONNX nodes, kind by kind; start at `NetworkBuilder`.

Shapes, padding and rounding are Darknet's own (github.com/AlexeyAB/darknet, `make_*_layer`).
A kind is one method `_add_<kind>`, and the options that it honours stand in darknet_options.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from .darknet_cfg import Section
from .darknet_options import check_options
from .heads import YoloHead
from .onnx_graph import Graph

INPUT = "image"


@dataclass(frozen=True)
class Blob:
    """The output of a layer: its ONNX name and its shape, without the batch."""

    name: str
    channels: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """`(1, C, H, W)`."""
        return (1, self.channels, self.height, self.width)


@dataclass(frozen=True)
class Convolution:
    """The weights that one `[convolutional]` reads from the file, in file order."""

    section: Section
    filters: int
    kernel_shape: tuple[int, int, int, int]
    batch_normalize: bool

    @property
    def kernel(self) -> str:
        """The kernel's name in the graph."""
        return f"kernel_{self.section.index}"

    @property
    def bias(self) -> str:
        """The bias's name in the graph."""
        return f"bias_{self.section.index}"


class NetworkBuilder:
    """Adds layers to a graph, and keeps what the weights and the heads need to know.

    After `add` has seen every section, `graph` is whole, `convolutions` stand in the order of
    the weights file, and `heads` in the order of the graph's outputs `outputs`.
    """

    def __init__(self, net: Section, input_size: tuple[int, int] | None = None) -> None:
        check_options(net)
        channels = net.integer("channels", least=1)
        if channels != 3:
            raise net.error(f"channels={channels} is not supported; pictures have 3", "channels")
        width = net.integer("width", least=1)
        height = net.integer("height", least=1)
        if input_size is not None:
            width, height = input_size
        self.letter_box = net.integer("letter_box", 0) != 0
        self.input = Blob(INPUT, channels, height, width)
        self.graph = Graph("darknet")
        self.graph.input(INPUT, self.input.shape)
        self.layers: list[Blob] = []
        self.convolutions: list[Convolution] = []
        self.heads: list[YoloHead] = []
        self.outputs: list[str] = []

    def add(self, section: Section) -> None:
        """Adds the next layer.

        Raises:
            CfgError: a kind or an option that is not supported, a value out of range, a reference
                to a layer that does not come before, or shapes that do not fit.
        """
        add = self._kinds.get(section.kind)
        if add is None:
            known = ", ".join(sorted(self._kinds))
            raise section.error(f"layers of this kind are not supported; these are: {known}")
        check_options(section)
        previous = self.layers[-1] if self.layers else self.input
        self.layers.append(add(self, section, previous))

    def _add_convolutional(self, section: Section, previous: Blob) -> Blob:
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
        self._check_extent(section, previous, height, width)
        weights = Convolution(
            section,
            filters,
            (filters, previous.channels // groups, size, size),
            section.integer("batch_normalize", 0) != 0,
        )
        self.convolutions.append(weights)
        name = self.graph.node(
            "Conv",
            [
                previous.name,
                self.graph.weight(weights.kernel, weights.kernel_shape),
                self.graph.weight(weights.bias, (filters,)),
            ],
            name=f"conv_{section.index}",
            kernel_shape=(size, size),
            strides=(stride_y, stride_x),
            pads=(pad * dilation,) * 4,
            dilations=(dilation, dilation),
            group=groups,
        )
        return Blob(self._activate(section, name, "logistic"), filters, height, width)

    def _add_maxpool(self, section: Section, previous: Blob) -> Blob:
        stride = section.integer("stride", 1, least=1)
        stride_x = section.integer("stride_x", stride, least=1)
        stride_y = section.integer("stride_y", stride, least=1)
        size = section.integer("size", stride, least=1)
        padding = section.integer("padding", size - 1, least=0)
        height = (previous.height + padding - size) // stride_y + 1
        width = (previous.width + padding - size) // stride_x + 1
        self._check_extent(section, previous, height, width)
        # `padding` is the sum of both sides; the first window starts at -padding/2, rounded down
        before, after = padding // 2, padding - padding // 2
        name = self.graph.node(
            "MaxPool",
            [previous.name],
            name=f"maxpool_{section.index}",
            kernel_shape=(size, size),
            strides=(stride_y, stride_x),
            pads=(before, before, after, after),
        )
        return Blob(name, previous.channels, height, width)

    def _add_upsample(self, section: Section, previous: Blob) -> Blob:
        stride = section.integer("stride", 2, least=1)
        scale = section.number("scale", 1.0)
        name = self.graph.node(
            "Resize",
            [previous.name, "", self.graph.floats(1.0, 1.0, float(stride), float(stride))],
            name=f"upsample_{section.index}",
            mode="nearest",
            nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )
        if scale != 1.0:
            name = self.graph.node("Mul", [name, self.graph.floats(scale)])
        return Blob(name, previous.channels, previous.height * stride, previous.width * stride)

    def _add_route(self, section: Section, previous: Blob) -> Blob:
        sources = [self._layer(section, "layers", at) for at in section.integers("layers")]
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
        names = [self._take_group(source, groups, group_id) for source in sources]
        name = names[0]
        if len(names) > 1:
            name = self.graph.node("Concat", names, name=f"route_{section.index}", axis=1)
        channels = sum(source.channels for source in sources) // groups
        return Blob(name, channels, first.height, first.width)

    def _take_group(self, source: Blob, groups: int, group_id: int) -> str:
        if groups == 1:
            return source.name
        size = source.channels // groups
        start, stop = group_id * size, (group_id + 1) * size
        integers = self.graph.integers
        return self.graph.node("Slice", [source.name, integers(start), integers(stop), integers(1)])

    def _add_shortcut(self, section: Section, previous: Blob) -> Blob:
        name = previous.name
        for at in section.integers("from"):
            source = self._layer(section, "from", at)
            if source.shape != previous.shape:
                raise section.error(
                    f"the layers differ in shape: {_describe(previous)} and {_describe(source)}",
                    "from",
                )
            name = self.graph.node("Add", [name, source.name])
        name = self._activate(section, name, "linear")
        return Blob(name, previous.channels, previous.height, previous.width)

    def _add_dropout(self, section: Section, previous: Blob) -> Blob:
        return previous  # at inference Darknet passes its input on unchanged

    def _add_yolo(self, section: Section, previous: Blob) -> Blob:
        classes = section.integer("classes", 20, least=1)
        total = section.integer("num", 1, least=1)
        flat = section.numbers("anchors")
        if len(flat) != 2 * total:
            raise section.error(
                f"num={total} calls for {2 * total} numbers in anchors; found {len(flat)}",
                "anchors",
            )
        mask = section.integers("mask") if "mask" in section.options else tuple(range(total))
        for index in mask:
            if not 0 <= index < total:
                raise section.error(f"mask: {index} is not from 0 to num-1={total - 1}", "mask")
        filters = len(mask) * (5 + classes)
        if previous.channels != filters:
            raise section.error(
                f"{len(mask)} anchors and {classes} classes call for filters={filters} in the "
                f"layer before; found {previous.channels}"
            )
        anchors = tuple((flat[2 * index], flat[2 * index + 1]) for index in mask)
        self.heads.append(YoloHead(anchors, classes, section.number("scale_x_y", 1.0)))
        self.outputs.append(previous.name)
        self.graph.output(previous.name, previous.shape)
        return previous

    def _layer(self, section: Section, option: str, at: int) -> Blob:
        index = section.index + at if at < 0 else at
        if not 0 <= index < section.index:
            raise section.error(f"{option}: {at} is not a layer before this one", option)
        return self.layers[index]

    def _activate(self, section: Section, name: str, default: str) -> str:
        activation = section.word("activation", default)
        activate = _ACTIVATIONS.get(activation)
        if activate is None:
            known = ", ".join(sorted(_ACTIVATIONS))
            raise section.error(
                f"activation={activation} is not supported; these are: {known}", "activation"
            )
        return activate(self.graph, name)

    @staticmethod
    def _check_extent(section: Section, previous: Blob, height: int, width: int) -> None:
        if height < 1 or width < 1:
            raise section.error(
                f"nothing is left of an input of {previous.width} x {previous.height}"
            )

    _kinds: ClassVar[dict[str, Callable[[NetworkBuilder, Section, Blob], Blob]]] = {
        "convolutional": _add_convolutional,
        "maxpool": _add_maxpool,
        "upsample": _add_upsample,
        "route": _add_route,
        "shortcut": _add_shortcut,
        "dropout": _add_dropout,
        "yolo": _add_yolo,
    }


_ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "linear": lambda graph, name: name,
    "leaky": lambda graph, name: graph.node("LeakyRelu", [name], alpha=0.1),
    "relu": lambda graph, name: graph.node("Relu", [name]),
    "logistic": lambda graph, name: graph.node("Sigmoid", [name]),
    "mish": lambda graph, name: graph.node("Mish", [name]),
    "swish": lambda graph, name: graph.node("Mul", [name, graph.node("Sigmoid", [name])]),
}


def _describe(blob: Blob) -> str:
    return f"{blob.width} x {blob.height} x {blob.channels}"


def build_network(
    net: Section, layers: Sequence[Section], input_size: tuple[int, int] | None = None
) -> NetworkBuilder:
    """Builds the whole graph, weights still to come.

    Raises:
        CfgError: as `NetworkBuilder.add`, or when the cfg has no detection head.
    """
    builder = NetworkBuilder(net, input_size)
    for section in layers:
        builder.add(section)
    if not builder.heads:
        raise layers[-1].error("the network has no [yolo] layer, so it detects nothing")
    return builder
