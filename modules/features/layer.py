"""Finds the value that holds a network's features; start at `find_value`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from onnx import GraphProto, NodeProto

from ..errors import ModelError

_RESHAPING = frozenset({"Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
_PASSING = _RESHAPING | {"LogSoftmax", "Softmax"}
_POOLING = frozenset({"GlobalAveragePool", "GlobalMaxPool", "ReduceMean"})
_SHOWN = 5  # names in an error


def find_value(graph: GraphProto, layer: str | None) -> str:
    """Returns the name of a layer's value.

    Args:
        graph: the main graph; each node follows the nodes that compute its inputs.
        layer: the name of a value, or of a node, which stands for the node's first output. None
            takes the input of the final classifier: of the Gemm or MatMul with constant weights
            that computes the graph's first output, or of the 1 x 1 Conv after a global pooling.

    Raises:
        ModelError: there is no such layer, several nodes have its name, or there is no such
            classifier.
    """
    return _classifier_input(graph) if layer is None else _named_value(graph, layer)


def values_used(node: NodeProto) -> set[str]:
    """Returns the names of the values that a node uses, in its branches and loop bodies too.

    Some of the names in branches and bodies may belong to values that are computed there.
    """
    names = set(node.input) - {""}
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            # a branch may return a value of the surrounding graph unchanged
            names.update(output.name for output in graph.output)
            names.update(*map(values_used, graph.node))
    return names


def _named_value(graph: GraphProto, layer: str) -> str:
    values = _values(graph)
    if layer in values:
        return layer
    nodes = [node for node in graph.node if node.output and node.name == layer and layer]
    found: list[str] = [node.output[0] for node in nodes]
    if len(found) > 1:
        raise ModelError(
            f"it has {len(found)} nodes named '{layer}'; name a value instead: {_list(found)}"
        )
    if found:
        return found[0]
    known = dict.fromkeys([*values, *(node.name for node in graph.node if node.name)])
    similar = difflib.get_close_matches(layer, known, n=_SHOWN)
    raise ModelError(
        f"it has no layer '{layer}'; "
        + (f"similar names: {', '.join(similar)}" if similar else _last_layers(values))
    )


def _classifier_input(graph: GraphProto) -> str:
    search = _Search(graph, _image_values(graph))
    node = search.producer(graph.output[0].name, _PASSING) if graph.output else None
    if node is None or not search.is_classifier(node):
        raise ModelError(
            "it does not end in a classifier that could be removed (a Gemm or MatMul, or a 1 x 1 "
            f"Conv after a global pooling); name a layer; {_last_layers(_values(graph))}"
        )
    (source,) = search.sources(node)
    return source


@dataclass(frozen=True)
class _Search:
    """A search for the classifier, from the graph's output towards the image.

    image_values: the names of the values that depend on the image; all others are constants.
    """

    graph: GraphProto
    image_values: frozenset[str]

    def sources(self, node: NodeProto) -> list[str]:
        """Returns the node's inputs that depend on the image."""
        return [name for name in node.input if name in self.image_values]

    def producer(self, value: str, passing: frozenset[str]) -> NodeProto | None:
        """Returns the node that computes `value`; skips `passing` operators and added biases."""
        nodes: Iterable[NodeProto] = reversed(self.graph.node)
        for node in nodes:
            if value in node.output:
                sources = self.sources(node)
                is_bias = node.op_type == "Add" and len(sources) == 1
                if not sources or not (is_bias or node.op_type in passing):
                    return node
                value = sources[0]
        return None

    def is_classifier(self, node: NodeProto) -> bool:
        """Returns whether a node multiplies one value that depends on the image by constants."""
        sources = self.sources(node)
        if len(sources) != 1:
            return False
        if node.op_type != "Conv":
            return node.op_type in ("Gemm", "MatMul")
        if self._constant_shape("".join(node.input[1:2]))[2:] != (1, 1):
            return False
        before = self.producer(sources[0], _RESHAPING)
        return before is not None and before.op_type in _POOLING

    def _constant_shape(self, name: str) -> tuple[int, ...]:
        """Returns the shape of an initializer or of a Constant's tensor; () if there is none."""
        for tensor in self.graph.initializer:
            if tensor.name == name:
                return tuple(tensor.dims)
        for node in self.graph.node:
            if node.op_type == "Constant" and name in node.output:
                return tuple(size for item in node.attribute for size in item.t.dims)
        return ()


def _image_values(graph: GraphProto) -> frozenset[str]:
    """Returns the names of the inputs and of all values that are computed from them."""
    # up to IR version 3 the weights are among the inputs
    found = {info.name for info in graph.input} - {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if not found.isdisjoint(values_used(node)):
            found.update(node.output)
    return frozenset(found)


def _values(graph: GraphProto) -> list[str]:
    return [name for node in graph.node for name in node.output if name]


def _last_layers(values: Sequence[str]) -> str:
    return f"its last layers: {_list(values)}"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[-_SHOWN:]) or "none"
