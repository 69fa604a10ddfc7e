"""Chooses between document and annotated picture, by a request's Accept header.

Start at `chooses_picture`. https://www.rfc-editor.org/rfc/rfc9110#name-accept
"""

from __future__ import annotations

import re
from http import HTTPStatus

from ..errors import RequestError

_RANGE = re.compile(r"\s*([^\s;,]+/[^\s;,]+)\s*(?:;.*?\bq\s*=\s*([01](?:\.\d{0,3})?)\s*)?(?:;.*)?")


def chooses_picture(accept: str, media_type: str | None) -> bool:
    """Returns whether the sender prefers the annotated picture to the document.

    Args:
        accept: the header; the document wins a tie.
        media_type: the annotated picture's; None if nothing is drawn.

    Raises:
        RequestError: the sender accepts neither.

    >>> chooses_picture("image/*", "image/png"), chooses_picture("*/*", "image/png")
    (True, False)
    >>> chooses_picture("image/png;q=0.8, application/json;q=0.5", "image/png")
    True
    """
    ranges = {}
    for part in accept.split(","):
        if found := _RANGE.fullmatch(part):
            ranges[found[1].lower()] = float(found[2] or 1)
    document = _quality(ranges, "application/json")
    picture = _quality(ranges, media_type) if media_type else 0.0
    if not document and not media_type:
        raise RequestError(
            HTTPStatus.NOT_ACCEPTABLE,
            f"Accept: {accept} does not allow application/json, and with draw=none there is no "
            "annotated picture, only the document",
        )
    if not document and not picture:
        raise RequestError(
            HTTPStatus.NOT_ACCEPTABLE,
            f"Accept: {accept} allows neither application/json, the document, nor {media_type}, "
            "the annotated picture",
        )
    return picture > document


def _quality(ranges: dict[str, float], media_type: str) -> float:
    """Returns the quality of a media type: that of the most specific range."""
    family = media_type.partition("/")[0]
    for name in (media_type, f"{family}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0
