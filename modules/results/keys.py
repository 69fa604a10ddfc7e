"""The keys under which the outputs of an image lie."""

from __future__ import annotations

import hashlib

from ..settings import Settings

_MAX_KEY_BYTES = 1024


_DOCUMENT = ".json"


def failure_key(key: str, settings: Settings) -> str:
    """Where an image's failure is recorded.

    A key for which S3 leaves no room is cut, and told from others by its SHA-256.
    """
    name = key.removeprefix(settings.input_prefix).encode()
    room = _MAX_KEY_BYTES - len((settings.failed_prefix + _DOCUMENT).encode())
    if len(name) > room:
        ending = "~" + hashlib.sha256(key.encode()).hexdigest()[:16]
        name = name[: room - len(ending)].decode(errors="ignore").encode() + ending.encode()
    return settings.failed_prefix + name.decode() + _DOCUMENT
