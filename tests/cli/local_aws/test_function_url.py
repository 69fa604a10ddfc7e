"""The function URL of a deployed function: who may ask, what arrives, and `detect --url`."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from modules.cli.local_aws.execution_environment import Outcome
from modules.cli.local_aws.function_url import FunctionUrl
from tests.events.golden import load

KEYS = "testing", "secret"


@dataclass
class Echo:
    """A function that answers with the event it was sent, or with `payload`."""

    payload: bytes | None = None
    is_error: bool = False
    events: list[Any] = field(default_factory=list)

    def invoke(self, payload: bytes) -> Outcome:
        event = json.loads(payload)
        self.events.append(event)
        answer = {"statusCode": 200, "headers": {"x-own": "1"}, "body": json.dumps(event)}
        return Outcome(self.payload or json.dumps(answer).encode(), self.is_error, "")


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def url(echo: Echo) -> Iterator[FunctionUrl]:
    url = FunctionUrl(echo.invoke, KEYS, "us-east-1")
    yield url
    url.close()


def send(
    address: str,
    body: bytes = b"\xff\xd8",
    *,
    keys: tuple[str, str] = KEYS,
    service: str = "lambda",
    sent: bytes | None = None,
    **headers: str,
) -> tuple[int, dict[str, str], bytes]:
    """Sends a signed request, with another body if `sent` is given."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = AWSRequest("POST", address, headers=named, data=body)
    SigV4Auth(Credentials(*keys), service, "us-east-1").add_auth(request)
    plain = urllib.request.Request(
        address, data=body if sent is None else sent, headers=dict(request.headers.items())
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(plain) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_a_signed_request_arrives_as_lambdas_event(url: FunctionUrl, echo: Echo) -> None:
    status, headers, _ = send(f"{url.address}?nms=0.3&name=a%20b", content_type="image/jpeg")

    assert (status, headers["x-own"]) == (200, "1")
    (event,) = echo.events
    golden = load("url-post-picture")
    assert set(event) == set(golden)
    assert set(event["requestContext"]["http"]) == set(golden["requestContext"]["http"])
    assert (event["rawPath"], event["rawQueryString"]) == ("/", "nms=0.3&name=a%20b")
    assert (event["isBase64Encoded"], event["body"]) == (True, "/9g=")
    assert event["headers"]["content-type"] == "image/jpeg"
    assert "authorization" not in event["headers"]


def test_a_text_arrives_as_it_is(url: FunctionUrl, echo: Echo) -> None:
    send(url.address, b'{"a": 1}', content_type="application/json")

    assert (echo.events[0]["isBase64Encoded"], echo.events[0]["body"]) == (False, '{"a": 1}')


def test_a_request_without_the_right_signature_is_forbidden(url: FunctionUrl, echo: Echo) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError, match="403"):
        direct.open(url.address, data=b"unsigned")

    assert send(url.address, keys=("testing", "wrong"))[0] == 403
    assert send(url.address, keys=("other", "secret"))[0] == 403
    assert send(url.address, service="s3")[0] == 403
    assert send(url.address, b"signed", sent=b"changed")[0] == 403
    assert echo.events == []


def test_a_request_over_lambdas_limit_is_refused(url: FunctionUrl, echo: Echo) -> None:
    status, _, body = send(url.address, bytes(4_750_000))

    assert (status, json.loads(body)) == (413, {"message": "Request Entity Too Large"})
    assert echo.events == []


@pytest.mark.parametrize(
    ("payload", "is_error"),
    [(b'{"errorType": "E"}', True), (b'"' + bytes(7_000_000) + b'"', False)],
)
def test_an_error_and_an_answer_over_the_limit_are_502(
    payload: bytes, is_error: bool, url: FunctionUrl, echo: Echo
) -> None:
    echo.payload, echo.is_error = payload, is_error

    assert send(url.address)[0] == 502


def _curl_options() -> str:
    if not shutil.which("curl"):
        return ""
    return subprocess.run(
        ["curl", "--help", "all"], capture_output=True, text=True, check=False
    ).stdout


def test_curl_signs_a_request_that_is_accepted(
    url: FunctionUrl, echo: Echo, tmp_path: Path
) -> None:
    if "--aws-sigv4" not in _curl_options():
        pytest.skip("needs curl 7.75 or newer, which can sign requests")
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\x00picture")
    run = subprocess.run(
        [
            *("curl", "-sS", "--fail", "--noproxy", "*", "--aws-sigv4", "aws:amz:us-east-1:lambda"),
            *("--user", ":".join(KEYS), "--data-binary", f"@{tmp_path / 'a.jpg'}", url.address),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert echo.events[0]["isBase64Encoded"]
