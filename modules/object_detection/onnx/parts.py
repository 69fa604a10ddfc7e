"""Takes an ONNX file apart, so that some of it can be put together anew; start at `take_apart`.

Field numbers: see reader.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .nodes import Node, read_node, read_weight
from .reader import Field, Tensor, as_message, as_text, read_fields, read_tensor

Fields = tuple[tuple[int, Field], ...]


@dataclass(frozen=True)
class Part:
    """A node of the main graph.

    name: often empty. needs: the names of what it takes, and of what its branches and bodies take
    from around it. data: the node as the file has it.
    """

    name: str
    node: Node
    needs: frozenset[str]
    data: memoryview


@dataclass(frozen=True)
class Parts:
    """A file; everything in it is a view of the file's bytes.

    nodes: in order, each behind those that make what it needs. weights: by name, as the file has
    them. shapes: of those, and of constants, that hold floats. inputs: without the weights.
    outputs: their names. graph, model: all other fields of either.
    """

    nodes: tuple[Part, ...]
    weights: Mapping[str, memoryview]
    shapes: Mapping[str, tuple[int, ...]]
    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...]
    graph: Fields
    model: Fields

    def sources(self, node: Node) -> list[str]:
        """Of what a node takes, what hangs on the graph's inputs; the rest are constants."""
        return [name for name in node.inputs if name in self._variable]

    @cached_property
    def _variable(self) -> frozenset[str]:
        found = {tensor.name for tensor in self.inputs}
        for part in self.nodes:
            if not part.needs.isdisjoint(found):
                found.update(part.node.outputs)
        return frozenset(found)


def take_apart(data: NDArray[np.uint8]) -> Parts:
    """Takes `(bytes,) uint8` apart, within `refusing_malformed`."""
    model: list[tuple[int, Field]] = []
    graph: list[tuple[int, Field]] = []
    for field, value in read_fields(data.data):
        if field == 7:
            graph += read_fields(as_message(value))
        else:
            model.append((field, value))
    nodes, inputs, outputs, rest = [], [], [], []
    weights: dict[str, memoryview] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for field, value in graph:
        if field == 1:
            part, constants = _read_part(as_message(value))
            nodes.append(part)
            shapes.update(constants)
        elif field == 5:
            name, shape = read_weight(as_message(value))
            weights[name] = as_message(value)
            shapes.update({} if shape is None else {name: shape})
        elif field == 11:
            inputs.append(read_tensor(as_message(value)))
        elif field == 12:
            outputs.append(read_tensor(as_message(value)).name)
        else:
            rest.append((field, value))
    return Parts(
        tuple(nodes),
        weights,
        shapes,
        # up to IR version 3 the weights are among the inputs
        tuple(tensor for tensor in inputs if tensor.name not in weights),
        tuple(outputs),
        tuple(rest),
        tuple(model),
    )


def _read_part(data: memoryview) -> tuple[Part, Mapping[str, tuple[int, ...]]]:
    """A node, and the shape of what it holds where it is a constant."""
    node, constants = read_node(data)
    name = as_text(dict(read_fields(data)).get(3))
    needs = frozenset(node.inputs).union(*map(_named_in, _graphs_of(data))) - {""}
    return Part(name, node, needs, data), constants


def _graphs_of(node: memoryview) -> Iterator[memoryview]:
    """A node's branches and bodies: its attributes' `g` and `graphs`."""
    for field, attribute in read_fields(node):
        if field == 5:
            for number, value in read_fields(as_message(attribute)):
                if number in (6, 11):
                    yield as_message(value)


def _named_in(graph: memoryview) -> set[str]:
    """All that a branch or a body may take from around it, and names of its own among that."""
    found: set[str] = set()
    graphs = [graph]
    while graphs:
        for field, value in read_fields(graphs.pop()):
            if field == 1:
                node = as_message(value)
                found.update(as_text(item) for kind, item in read_fields(node) if kind == 1)
                graphs += _graphs_of(node)
            elif field == 12:  # an output may be a value from around it as it is
                found.add(read_tensor(as_message(value)).name)
    return found
