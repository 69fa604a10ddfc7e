"""Reads and checks the parts of an HTTP request; see http_answer.py.

Start at `check_request`, `read_options` and `read_place`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from ..errors import RequestError, SettingsError
from ..events.http_request import HttpRequest
from ..settings import BOXES, Settings

_SETTINGS = ("confidence", "nms", "multi_label", "classes", "slice", "slice_overlap", "draw")
_NAME = "name"
_MAX_NAME_BYTES = 1024  # as of a key in S3
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_JSON = "application/json"


def check_request(request: HttpRequest) -> None:
    """Checks what does not depend on the body.

    Raises:
        RequestError: the path, the method or a header is not one that has an answer.
    """
    if request.path != "/":
        raise RequestError(HTTPStatus.NOT_FOUND, f"there is no {request.path}; the path is /")
    if request.method != "POST":
        raise RequestError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            f"{request.method or 'no method'} has no answer; POST a picture",
        )
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Encoding: {encoding} is not decoded; send the bytes as they are",
        )
    if _content_type(request).startswith("multipart/"):
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "forms are not read; the body must be the picture itself, as curl --data-binary sends",
        )


def read_options(query: Mapping[str, str], settings: Settings) -> tuple[Settings, str | None]:
    """Returns the settings of this request, and the picture's name, if one is given.

    Raises:
        RequestError: a parameter is unknown, or its value is invalid.
    """
    known = (*_SETTINGS, _NAME)
    for given in query:
        if given not in known:
            raise RequestError(
                HTTPStatus.BAD_REQUEST,
                f"{given} is no parameter; the parameters are {', '.join(known)}",
            )
    name = query.get(_NAME)
    if name is not None and not 0 < len(name.encode(errors="replace")) <= _MAX_NAME_BYTES:
        raise RequestError(HTTPStatus.BAD_REQUEST, f"name must have 1 to {_MAX_NAME_BYTES} bytes")
    changes = {key: value for key, value in query.items() if key != _NAME}
    try:
        return settings.changed(changes), name
    except SettingsError as error:
        variable, _, rest = str(error).partition("=")
        message = f"{variable.lower()}={rest}"
        raise RequestError(HTTPStatus.BAD_REQUEST, message) from error


def check_as_published(asked: Settings, published: Settings) -> None:
    """Checks that a request gets no picture of the bucket that shows more than what is published.

    Who sends a picture has it; who names one in the bucket may be allowed to read only results.

    Raises:
        RequestError: the function hides something, and the request asks for other settings.
    """
    if published.draw != BOXES and asked != published:
        raise RequestError(
            HTTPStatus.FORBIDDEN,
            f"the function's setting is draw={published.draw}, so a picture of the bucket is shown "
            "only as it is published; leave out all parameters, or send the picture itself",
        )


def _content_type(request: HttpRequest) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(request: HttpRequest) -> bool:
    """Whether the body is JSON, by its media type or its first character: no picture begins so."""
    return _content_type(request) == _JSON or request.body.lstrip()[:1] == b"{"


def read_place(body: bytes) -> tuple[str, str]:
    """Returns bucket and key of the picture that a JSON document names.

    Raises:
        RequestError: the body is no such document.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    expected = {"bucket", "key"}
    if isinstance(document, dict) and set(document) == expected:
        bucket, key = document["bucket"], document["key"]
        if _is_s3_name(bucket, key):
            return bucket, key
    raise RequestError(
        HTTPStatus.BAD_REQUEST,
        'the body is neither a picture nor {"bucket": "BUCKET", "key": "KEY"}, with names as in S3',
    )


def _is_s3_name(bucket: Any, key: Any) -> bool:
    if not (isinstance(bucket, str) and isinstance(key, str) and _BUCKET.fullmatch(bucket)):
        return False
    try:
        return 0 < len(key.encode()) <= _MAX_NAME_BYTES
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
