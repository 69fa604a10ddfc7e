"""Requests to a function URL, in Lambda's payload format 2.0; start at `read_request`.

Lambda has checked the signature of a request before it invokes the function. A body that is not a
text arrives in base64.
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from ..errors import RequestError
from .image_ref import get

_MAX_PARAMETERS = 20


@dataclass(frozen=True)
class HttpRequest:
    """An HTTP request.

    headers: by their names in lower case. query: values by name, decoded. was_text: the sender's
    media type was a text's, so that bytes which are not UTF-8 are lost.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    was_text: bool


def read_request(event: Any) -> HttpRequest:
    """Reads the request in an event of a function URL.

    Raises:
        RequestError: it cannot be read; the message says why.
    """
    http = get(event, "requestContext", "http")
    headers = get(event, "headers")
    named = headers.items() if isinstance(headers, Mapping) else ()
    is_base64 = get(event, "isBase64Encoded") is True
    return HttpRequest(
        method=str(get(http, "method") or "").upper(),
        path=str(get(event, "rawPath") or "/"),
        query=_read_query(get(event, "rawQueryString")),
        headers={str(name).lower(): str(value) for name, value in named},
        body=_read_body(get(event, "body"), is_base64=is_base64),
        was_text=not is_base64,
    )


def _read_query(text: Any) -> dict[str, str]:
    try:
        pairs = parse_qsl(str(text or ""), keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        raise RequestError(400, f"the query has more than {_MAX_PARAMETERS} parameters") from None
    query: dict[str, str] = {}
    for name, value in pairs:
        if name in query:
            raise RequestError(400, f"the parameter {name} is there twice; give it once")
        query[name] = value
    return query


def _read_body(body: Any, *, is_base64: bool) -> bytes:
    if body is None:
        return b""
    if not isinstance(body, str):
        raise RequestError(400, "the body of the event is no text")
    if not is_base64:
        return body.encode(errors="surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise RequestError(400, "the body of the event is not base64, as the event says") from None
