"""Where a network's features are: at a layer that is named, or under its top; see `find_value`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from ...errors import ModelError
from .nodes import Node
from .parts import Parts

_RESHAPING = frozenset({"Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
_PASSING = _RESHAPING | {"LogSoftmax", "Softmax"}
_POOLING = frozenset({"GlobalAveragePool", "GlobalMaxPool", "ReduceMean"})
_SHOWN = 5  # names in an error


def find_value(parts: Parts, layer: str | None) -> str:
    """The name of a layer's value.

    Args:
        parts: the file.
        layer: the name of a value or of a node, whose first output it then is. None takes what
            the classifier at the end is fed: the Gemm or MatMul with constant weights that the
            first output comes of, or the 1 x 1 Conv behind a global pooling.

    Raises:
        ModelError: there is no such layer, or more than one, or no such classifier.
    """
    return _under_the_top(parts) if layer is None else _named(parts, layer)


def _named(parts: Parts, layer: str) -> str:
    values = [name for part in parts.nodes for name in part.node.outputs if name]
    if layer in values:
        return layer
    nodes = [part for part in parts.nodes if part.name == layer and layer]
    found = [part.node.outputs[0] for part in nodes if part.node.outputs]
    if len(found) > 1:
        raise ModelError(f"it has {len(found)} nodes named '{layer}'; name a value: {_few(found)}")
    if found:
        return found[0]
    known = dict.fromkeys([*values, *(part.name for part in parts.nodes if part.name)])
    near = difflib.get_close_matches(layer, known, n=_SHOWN)
    last = f"its last ones are {_few(values)}"
    raise ModelError(
        f"it has no layer '{layer}'; " + (f"near are {', '.join(near)}" if near else last)
    )


def _under_the_top(parts: Parts) -> str:
    top = _maker(parts, parts.outputs[0], _PASSING) if parts.outputs else None
    if top is not None and _is_top(parts, top):
        (source,) = parts.sources(top)
        return source
    last = [name for part in parts.nodes for name in part.node.outputs if name]
    raise ModelError(
        "it does not end in a classifier that could be taken off (a Gemm or MatMul, or a 1 x 1 "
        f"Conv behind a global pooling); name a layer: its last ones are {_few(last)}"
    )


def _maker(parts: Parts, value: str, passing: frozenset[str]) -> Node | None:
    """The node that a value comes of, past those that only pass it on, or add a bias to it."""
    for part in reversed(parts.nodes):
        node = part.node
        if value in node.outputs:
            sources = parts.sources(node)
            is_bias = node.operator == "Add" and len(sources) == 1
            if not sources or not (is_bias or node.operator in passing):
                return node
            value = sources[0]
    return None


def _is_top(parts: Parts, node: Node) -> bool:
    """Whether a node weighs features, its one value that hangs on the image, by constants."""
    sources = parts.sources(node)
    if len(sources) != 1:
        return False
    if node.operator != "Conv":
        return node.operator in ("Gemm", "MatMul")
    if parts.shapes.get("".join(node.inputs[1:2]), ())[2:] != (1, 1):
        return False
    below = _maker(parts, sources[0], _RESHAPING)
    return below is not None and below.operator in _POOLING


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[-_SHOWN:]) or "none"
