"""Recognises the results that are in a folder already: pictures and their documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..object_detection.images.registry import ANNOTATED_SUFFIXES
from ..results.keys import DOCUMENT_SUFFIX
from ..settings import NOTHING

_MAX_DOCUMENT_BYTES = 1 << 28


def file_id(path: Path) -> tuple[int, int] | None:
    """Returns device and inode, equal for all names of a file; None if it cannot be found."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def read_document(path: Path) -> dict[str, Any] | None:
    """Reads the document of a result, schema 1; returns None if there is none at `path`."""
    try:
        if not path.is_file() or path.stat().st_size > _MAX_DOCUMENT_BYTES:
            return None
        document = json.loads(path.read_bytes())
        known = document["schema"] == 1 and isinstance(document["image"]["key"], str)
        known = known and "model" in document and isinstance(document["detections"], list)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return document if known else None


def is_document_alone(document: dict[str, Any]) -> bool:
    """Returns whether a document says that nothing was drawn, so that no picture belongs to it."""
    try:
        is_alone: bool = document["settings"]["draw"] == NOTHING
        return is_alone and document["annotated"] is None
    except (LookupError, TypeError):
        return False


def is_annotated(path: Path) -> bool:
    """Returns whether a picture is the annotated one of a document that lies next to it.

    It is not, if the document says that nothing was drawn.
    """
    found = read_document(path.with_name(path.name + DOCUMENT_SUFFIX))
    if found and not is_document_alone(found):
        return True
    return any(
        name_of_annotated(path.with_name(path.name.removesuffix(suffix) + DOCUMENT_SUFFIX))
        == path.name
        for suffix in ANNOTATED_SUFFIXES
        if suffix and path.name.endswith(suffix)
    )


def name_of_annotated(document: Path) -> str | None:
    """Returns the file name of the annotated picture that a document names; None for no name."""
    found = read_document(document)
    try:
        return Path(found["annotated"]["key"]).name if found else None
    except (LookupError, TypeError):
        return None
