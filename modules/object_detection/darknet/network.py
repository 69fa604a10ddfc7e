"""A Darknet network in the making: an ONNX graph that layers are added to; see `NetworkBuilder`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..heads.head import OutputHead
from ..onnx.graph import Graph
from ..preprocessing import Preprocessing
from .cfg import Section
from .options import check_options
from .tree import ClassTree
from .weights import Convolution, LayerWeights

INPUT = "image"

_LETTERBOX_GREY = 127  # letterbox_image fills with 0.5
_MOST_WEIGHTS = 2**31 - 2**24  # bytes: protobuf holds 2 GiB, of which 16 MiB for all but weights
_MOST_VALUES = 2**28  # of a layer's output, 1 GiB; the largest known has 80 x 1536 x 1536


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

    def __str__(self) -> str:
        """As Darknet prints it, width first."""
        return f"{self.width} x {self.height} x {self.channels}"


class NetworkBuilder:
    """What has been built so far of a network.

    preprocessing: how images are fed. layers: the outputs of all layers. weights: of those layers
    that have some, in the order of the weights file. convolutions: whose weights each
    [convolutional] uses, by its index. heads: in the order of the graph's outputs, `outputs`.
    """

    def __init__(
        self,
        net: Section,
        input_size: tuple[int, int] | None = None,
        tree: ClassTree | None = None,
    ) -> None:
        """Begins with `[net]`; `input_size` is (width, height), where not the cfg's own."""
        check_options(net)
        channels = net.integer("channels", least=1)
        if channels != 3:
            raise net.error(f"channels={channels} is not supported; pictures have 3", "channels")
        width = net.integer("width", least=1)
        height = net.integer("height", least=1)
        if input_size is not None:
            width, height = input_size
            if width < 1 or height < 1:
                raise net.error(f"an input of {width} x {height} is empty")
        letter_box = net.integer("letter_box", 0) != 0
        self.preprocessing = Preprocessing(
            resize="letterbox" if letter_box else "stretch", padding=_LETTERBOX_GREY
        )
        self.tree = tree
        self.input = Blob(INPUT, channels, height, width)
        _check_size(net, self.input)
        self.graph = Graph("darknet")
        self.graph.input(INPUT, self.input.shape)
        self.layers: list[Blob] = []
        self.weights: list[LayerWeights] = []
        self.convolutions: dict[int, Convolution] = {}
        self.heads: list[OutputHead] = []
        self.outputs: list[str] = []
        self._weight_bytes = 0

    def add_layer(self, section: Section, output: Blob) -> None:
        """Appends a layer, unless its output is beyond all bounds."""
        _check_size(section, output)
        self.layers.append(output)

    def add_weights(self, weights: LayerWeights) -> None:
        """Reserves a layer's weights: those that the file has next."""
        self.weights.append(weights)
        self._weight_bytes += 4 * weights.values
        if self._weight_bytes > _MOST_WEIGHTS:
            raise weights.section.error(
                f"the weights up to here take {self._weight_bytes:,} bytes; "
                f"an ONNX model holds {_MOST_WEIGHTS:,}"
            )

    def layer(self, section: Section, option: str, at: int) -> Blob:
        """The layer that a section refers to: counted from the first, or back from its own."""
        return self.layers[self.index(section, option, at)]

    def index(self, section: Section, option: str, at: int) -> int:
        """The index of the layer that a section refers to likewise."""
        index = section.index + at if at < 0 else at
        if not 0 <= index < section.index:
            raise section.error(f"{option}: {at} is not a layer before this one", option)
        return index

    def check_same_size(self, section: Section, option: str, one: Blob, other: Blob) -> None:
        """Refuses two layers of different width or height."""
        if (one.height, one.width) != (other.height, other.width):
            raise section.error(
                f"the layers differ in size: {one} and {other}; is the input, {self.input.width} "
                f"x {self.input.height}, a multiple of the network's strides?",
                option,
            )

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

    def add_head(self, section: Section, head: OutputHead, source: Blob) -> None:
        """Makes a layer's output one of the network's, decoded by `head`."""
        if self.heads and head.classes != self.heads[0].classes:
            raise section.error(
                f"classes={head.classes}, but {self.heads[0].classes} in the head before", "classes"
            )
        name = source.name
        if name in self.outputs:  # a graph's outputs need names of their own
            name = self.graph.node("Identity", [name])
        self.heads.append(head)
        self.outputs.append(name)
        self.graph.output(name, source.shape)


def _check_size(section: Section, output: Blob) -> None:
    values = output.channels * output.height * output.width
    if values > _MOST_VALUES:
        raise section.error(f"{output} are {values:,} values; the most are {_MOST_VALUES:,}")


_ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "linear": lambda graph, name: name,
    "leaky": lambda graph, name: graph.node("LeakyRelu", [name], alpha=0.1),
    "relu": lambda graph, name: graph.node("Relu", [name]),
    "relu6": lambda graph, name: graph.node("Min", [graph.node("Relu", [name]), graph.floats(6.0)]),
    "logistic": lambda graph, name: graph.node("Sigmoid", [name]),
    "tanh": lambda graph, name: graph.node("Tanh", [name]),
    "elu": lambda graph, name: graph.node("Elu", [name], alpha=1.0),
    "mish": lambda graph, name: graph.node("Mish", [name]),
    "swish": lambda graph, name: graph.node("Mul", [name, graph.node("Sigmoid", [name])]),
}
