"""The images that events name: `ImageRef`, and how events are looked into."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ImageRef:
    """One key that an event speaks of.

    What lay there when the event was sent does not matter: what is read is what lies there now.

    key: decoded. sequencer: hexadecimal; orders the events of one key. None where the sender has
    none.
    """

    bucket: str
    key: str
    sequencer: str | None = None


def get(value: Any, *path: str) -> Any:
    """What lies at a path of nested objects; None where there is no such place."""
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def shorten(value: Any) -> str:
    """A value as a message may show it."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 200 else text[:200] + "…"


def is_name(value: Any) -> bool:
    """Whether a value can be a bucket's or an object's name."""
    return isinstance(value, str) and bool(value)
