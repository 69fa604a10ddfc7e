"""Events of a function URL, in payload format 2.0."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import RequestError
from modules.events import is_http
from modules.events.http_request import read_request
from tests.events.golden import load

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)


def test_a_picture_arrives_in_base64_with_decoded_parameters() -> None:
    request = read_request(load("url-post-picture"))

    assert (request.method, request.path, request.was_text) == ("POST", "/", False)
    assert request.query == {"confidence": "0.3", "classes": "red,green", "name": "my photo.png"}
    assert request.headers["content-type"] == "image/png"
    assert request.body.startswith(b"\x89PNG\r\n")
    assert len(request.body) == int(request.headers["content-length"])


def test_json_arrives_as_a_text() -> None:
    request = read_request(load("url-post-key"))

    assert request.was_text
    assert request.body == b'{"bucket": "pictures", "key": "input/a.png"}'


@pytest.mark.parametrize(
    "name", ["s3-put", "eventbridge-object-created", "by-hand", "s3-batch-2.0", "scheduled"]
)
def test_no_other_event_is_taken_for_a_request(name: str) -> None:
    assert not is_http(load(name))
    assert is_http(load("url-post-picture"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rawQueryString": "nms=1&nms=0"}, "the parameter nms is there twice"),
        ({"rawQueryString": "a&" * 30}, "more than 20 parameters"),
        ({"body": "no base64!"}, "is not base64"),
        ({"body": {"a": 1}}, "the body of the event is no text"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message) as refused:
        read_request({**load("url-post-picture"), **changes})

    assert refused.value.status == 400


@given(JSON, JSON, JSON, JSON, JSON, JSON)
def test_any_event_is_read_or_refused(
    http: Any, headers: Any, query: Any, path: Any, body: Any, is_base64: Any
) -> None:
    event = {
        "requestContext": {"http": http},
        "headers": headers,
        "rawQueryString": query,
        "rawPath": path,
        "body": body,
        "isBase64Encoded": is_base64,
    }
    with contextlib.suppress(RequestError):
        request = read_request(event)
        assert isinstance(request.body, bytes)
        assert all(isinstance(value, str) for value in request.headers.values())
