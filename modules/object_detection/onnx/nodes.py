"""Reads an ONNX file's nodes and the shapes of its weights; start at `read_nodes`.

Field numbers: see reader.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .reader import as_message, as_text, read_fields, read_varint

_FLOATS = (1, 10, 11, 16)  # TensorProto.DataType: float, half, double and bfloat16


@dataclass(frozen=True)
class Node:
    """One node: its operator, and the names of the values that it takes and makes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Nodes:
    """The main graph.

    nodes: in order. inputs, outputs: their names. weights: the shapes of its constants of floats.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: Mapping[str, tuple[int, ...]]


def read_nodes(data: NDArray[np.uint8]) -> Nodes:
    """Reads `(bytes,) uint8` that `read_onnx` has found to be a model."""
    nodes = []
    values: dict[int, list[str]] = {11: [], 12: []}
    weights: dict[str, tuple[int, ...]] = {}
    for field, graph in read_fields(data.data):
        if field != 7:
            continue
        for kind, value in read_fields(as_message(graph)):
            if kind == 1:
                node, constants = read_node(as_message(value))
                nodes.append(node)
                weights.update(constants)
            elif kind == 5:
                name, shape = read_weight(as_message(value))
                weights.update({} if shape is None else {name: shape})
            elif kind in values:
                values[kind].append(as_text(dict(read_fields(as_message(value))).get(1)))
    inputs = tuple(name for name in values[11] if name not in weights)
    return Nodes(tuple(nodes), inputs, tuple(values[12]), weights)


def read_node(node: memoryview) -> tuple[Node, dict[str, tuple[int, ...]]]:
    """A node, and the shape of what it holds where it is a constant of floats."""
    parts: dict[int, list[str]] = {1: [], 2: [], 4: []}
    constant: tuple[int, ...] | None = None
    for field, value in read_fields(node):
        if field in parts:
            parts[field].append(as_text(value))
        elif field == 5:
            for kind, item in read_fields(as_message(value)):
                if kind == 5:
                    _, constant = read_weight(as_message(item))
    operator = parts[4][-1] if parts[4] else ""
    held = {} if constant is None or operator != "Constant" else dict.fromkeys(parts[2], constant)
    return Node(operator, tuple(parts[1]), tuple(parts[2])), held


def read_weight(tensor: memoryview) -> tuple[str, tuple[int, ...] | None]:
    """A tensor's name, and its shape if it holds floats."""
    shape: list[int] = []
    name, element = "", 0
    for field, value in read_fields(tensor):
        if field == 1:
            shape += [value] if isinstance(value, int) else _packed(value)
        elif field == 2 and isinstance(value, int):
            element = value
        elif field == 8:
            name = as_text(value)
    return name, tuple(shape) if element in _FLOATS else None


def _packed(values: memoryview) -> Iterator[int]:
    position = 0
    while position < len(values):
        value, position = read_varint(values, position)
        yield value
