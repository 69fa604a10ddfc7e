"""A Darknet network in the making: an ONNX graph that layers are added to; see `NetworkBuilder`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .darknet_cfg import Section
from .darknet_options import check_options
from .heads import OutputHead
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
    """What has been built so far of a network.

    layers: the outputs of all layers. convolutions: those with weights, in the order of the
    weights file. heads: in the order of the graph's outputs, `outputs`.
    """

    def __init__(self, net: Section, input_size: tuple[int, int] | None = None) -> None:
        """Begins with `[net]`; `input_size` is (width, height), where not the cfg's own."""
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
        self.heads: list[OutputHead] = []
        self.outputs: list[str] = []

    def layer(self, section: Section, option: str, at: int) -> Blob:
        """The layer that a section refers to: counted from the first, or back from its own."""
        index = section.index + at if at < 0 else at
        if not 0 <= index < section.index:
            raise section.error(f"{option}: {at} is not a layer before this one", option)
        return self.layers[index]

    def activate(self, section: Section, name: str, default: str) -> str:
        """Adds the section's activation to a value; returns the name of what comes of it."""
        activation = section.word("activation", default)
        activate = _ACTIVATIONS.get(activation)
        if activate is None:
            known = ", ".join(sorted(_ACTIVATIONS))
            raise section.error(
                f"activation={activation} is not supported; these are: {known}", "activation"
            )
        return activate(self.graph, name)

    def slice_channels(self, source: Blob, start: int, stop: int) -> str:
        """Adds a node that takes the channels from `start` up to `stop`; returns its name."""
        axis, bounds = (
            self.graph.integers(1),
            (self.graph.integers(start), self.graph.integers(stop)),
        )
        return self.graph.node("Slice", [source.name, *bounds, axis])

    def add_head(self, head: OutputHead, source: Blob) -> None:
        """Makes a layer's output one of the network's, decoded by `head`."""
        self.heads.append(head)
        self.outputs.append(source.name)
        self.graph.output(source.name, source.shape)


_ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "linear": lambda graph, name: name,
    "leaky": lambda graph, name: graph.node("LeakyRelu", [name], alpha=0.1),
    "relu": lambda graph, name: graph.node("Relu", [name]),
    "logistic": lambda graph, name: graph.node("Sigmoid", [name]),
    "mish": lambda graph, name: graph.node("Mish", [name]),
    "swish": lambda graph, name: graph.node("Mul", [name, graph.node("Sigmoid", [name])]),
}
