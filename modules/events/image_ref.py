"""A reference to an image, `ImageRef`, and functions that read untrusted events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ImageRef:
    """One key that an event names.

    The function serves the object that is under the key now, not the one that caused the event.

    key: decoded. sequencer: a hexadecimal number that orders the events of one key; None if the
    event has none.
    """

    bucket: str
    key: str
    sequencer: str | None = None


def get(value: Any, *path: str) -> Any:
    """Returns the value at a path of nested mappings; None if the path does not exist."""
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def shorten(value: Any) -> str:
    """Returns a value as JSON of at most 200 characters, for a message."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 200 else text[:200] + "…"


def is_name(value: Any) -> bool:
    """Whether a value can be the name of a bucket or an object: a text that is not empty."""
    return isinstance(value, str) and bool(value)
