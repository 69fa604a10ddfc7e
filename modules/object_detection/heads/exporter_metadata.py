"""What Ultralytics' exporter writes into a file's metadata; see `list_evidence`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from .evidence import Evidence, Level


def literal(metadata: Mapping[str, str], key: str) -> Any:
    """Parses a value of the metadata as a Python literal, which Ultralytics writes.

    Returns None if there is no such key, or the value is not a literal.
    """
    try:
        return ast.literal_eval(metadata.get(key, "None"))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def is_ultralytics(metadata: Mapping[str, str]) -> bool:
    """Returns whether Ultralytics' exporter wrote the file."""
    return metadata.get("author") == "Ultralytics"


def states_rt_detr(metadata: Mapping[str, str]) -> bool:
    """Returns whether the metadata say that the network is an RT-DETR.

    Ultralytics' exporter writes "Ultralytics rtdetr-l model" as `description`, or with older
    versions the name of the class of the head as `head`.
    """
    text = metadata.get("head", "") + metadata.get("description", "")
    return "DETR" in text.upper()


def list_evidence(metadata: Mapping[str, str]) -> tuple[Evidence, ...]:
    """Returns what the metadata states about a list of objects that the network has suppressed.

    The exporter (ultralytics/engine/exporter.py) writes `end2end`, whether the head itself chooses
    the best boxes, and `args`, with `nms`, whether it has added non-maximum suppression. Old
    versions write neither, so that nothing follows.
    """
    arguments = literal(metadata, "args")
    nms = arguments.get("nms") if isinstance(arguments, dict) else None
    end_to_end = literal(metadata, "end2end")
    if end_to_end is True:
        return (Evidence(Level.METADATA, "`end2end` in the metadata"),)
    if nms is True:
        return (Evidence(Level.METADATA, "`nms` in the metadata's `args`"),)
    if end_to_end is False:
        reason = "`end2end` and `nms` in the metadata are false"
        return (Evidence(Level.METADATA, reason, speaks_for=False),)
    return ()
