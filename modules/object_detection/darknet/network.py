"""Builds the ONNX graph of a Darknet network, layer by layer; see `NetworkBuilder`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..heads.head import Head
from ..onnx.graph import Graph
from ..preprocessing import DARKNET
from .cfg import Section
from .options import check_options
from .tree import ClassTree
from .weights import Convolution, LayerWeights

INPUT = "image"

# In bytes: Protocol Buffers hold 2 GiB; 16 MiB are for everything else
_MAX_WEIGHTS = 2**31 - 2**24
_MAX_VALUES = 2**28  # of a layer's output, 1 GiB; the largest known is 80 x 1536 x 1536


@dataclass(frozen=True)
class Blob:
    """The output of a layer: its name in the ONNX graph, and its shape for one image."""

    name: str
    channels: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """`(1, C, H, W)`."""
        return (1, self.channels, self.height, self.width)

    def __str__(self) -> str:
        """Returns the shape as Darknet prints it, width first."""
        return f"{self.width} x {self.height} x {self.channels}"

    def renamed(self, name: str) -> Blob:
        """Returns a value of the same shape with another name."""
        return replace(self, name=name)


class NetworkBuilder:
    """The part of a network that has been built so far.

    preprocessing: how an image becomes the input. layers: the outputs of the layers. weights: the
    weights of the layers that have some, in the order of the weights file. convolutions: the
    weights that each [convolutional] uses, by its index; layers can share them. outputs: the names
    of the graph's outputs. heads: their heads, in the same order.
    """

    def __init__(
        self,
        net: Section,
        input_size: tuple[int, int] | None = None,
        tree: ClassTree | None = None,
    ) -> None:
        """Starts the graph with its input.

        Args:
            net: the section `[net]`.
            input_size: (width, height); None takes the cfg's.
            tree: the tree of the classes, if a section names one.

        Raises:
            CfgError: the input is not an image of three channels, or too large.
        """
        check_options(net)
        channels = net.integer("channels", least=1)
        if channels != 3:
            raise net.error(f"channels={channels} is not supported; images have 3", "channels")
        width = net.integer("width", least=1)
        height = net.integer("height", least=1)
        if input_size is not None:
            width, height = input_size
            if width < 1 or height < 1:
                raise net.error(f"an input of {width} x {height} is empty")
        letter_box = net.integer("letter_box", 0) != 0
        self.preprocessing = DARKNET.with_letterbox(letterbox=letter_box)
        self.tree = tree
        self.input = Blob(INPUT, channels, height, width)
        _check_size(net, self.input)
        self.graph = Graph("darknet")
        self.graph.input(INPUT, self.input.shape)
        self.layers: list[Blob] = []
        self.weights: list[LayerWeights] = []
        self.convolutions: dict[int, Convolution] = {}
        self.heads: list[Head] = []
        self.outputs: list[str] = []
        self._weight_bytes = 0

    def add_layer(self, section: Section, output: Blob) -> None:
        """Appends a layer; refuses one with too large an output."""
        _check_size(section, output)
        self.layers.append(output)

    def add_weights(self, weights: LayerWeights) -> None:
        """Appends a layer's weights: the next ones in the weights file."""
        self.weights.append(weights)
        self._weight_bytes += 4 * weights.values
        if self._weight_bytes > _MAX_WEIGHTS:
            raise weights.section.error(
                f"the weights up to here take {self._weight_bytes:,} bytes; "
                f"an ONNX model holds at most {_MAX_WEIGHTS:,}"
            )

    def sources(self, section: Section, option: str) -> list[Blob]:
        """Returns the outputs of the layers that an option lists; see `index`."""
        return [self.layers[self.index(section, option, at)] for at in section.integers(option)]

    def source(self, section: Section) -> Blob:
        """Returns the output of the one layer that the option `from` refers to; see `index`."""
        return self.layers[self.index(section, "from", section.integer("from"))]

    def index(self, section: Section, option: str, at: int) -> int:
        """Returns the index of the layer that the number `at` in an option refers to.

        It counts from the first layer or, if it is negative, back from the section's own layer.
        """
        index = section.index + at if at < 0 else at
        if not 0 <= index < section.index:
            raise section.error(f"{option}: {at} is not a layer before this one", option)
        return index

    def check_same_size(self, section: Section, option: str, one: Blob, other: Blob) -> None:
        """Refuses two layers that differ in width or height."""
        if (one.height, one.width) != (other.height, other.width):
            raise section.error(
                f"the layers differ in size: {one} and {other}; is the input, {self.input.width} "
                f"x {self.input.height}, a multiple of the network's strides?",
                option,
            )

    def activate(self, section: Section, name: str, default: str) -> str:
        """Adds the section's activation to a value; returns the name of the result."""
        return _ACTIVATIONS[section.word("activation", default, _ACTIVATIONS)](self.graph, name)

    def slice_channels(self, source: Blob, start: int, stop: int) -> str:
        """Adds a node that takes the channels from `start` up to `stop`; returns its name."""
        start_stop_axis = map(self.graph.integers, (start, stop, 1))
        return self.graph.node("Slice", [source.name, *start_stop_axis])

    def add_head(self, section: Section, head: Head, source: Blob) -> None:
        """Makes a layer's output an output of the network, which `head` decodes."""
        if self.heads and head.classes != self.heads[0].classes:
            raise section.error(
                f"classes={head.classes}, but the first head has {self.heads[0].classes}", "classes"
            )
        name = source.name
        if name in self.outputs:  # the names of a graph's outputs are unique
            name = self.graph.node("Identity", [name])
        self.heads.append(head)
        self.outputs.append(name)
        self.graph.output(name, source.shape)


def _check_size(section: Section, output: Blob) -> None:
    values = output.channels * output.height * output.width
    if values > _MAX_VALUES:
        raise section.error(f"{output} are {values:,} values; the maximum is {_MAX_VALUES:,}")


# A function for one kind of layer: takes the network, the section and the output of the layer
# before, adds the nodes of the section, and returns its output
AddLayer = Callable[[NetworkBuilder, Section, Blob], Blob]

_ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "elu": lambda graph, name: graph.node("Elu", [name], alpha=1.0),
    "leaky": lambda graph, name: graph.node("LeakyRelu", [name], alpha=0.1),
    "linear": lambda graph, name: name,
    "logistic": lambda graph, name: graph.node("Sigmoid", [name]),
    "mish": lambda graph, name: graph.node("Mish", [name]),
    "relu": lambda graph, name: graph.node("Relu", [name]),
    "relu6": lambda graph, name: graph.node("Min", [graph.node("Relu", [name]), graph.floats(6.0)]),
    "swish": lambda graph, name: graph.node("Mul", [name, graph.node("Sigmoid", [name])]),
    "tanh": lambda graph, name: graph.node("Tanh", [name]),
}
