"""A function URL on this machine: HTTP in, events of payload format 2.0 out; see `FunctionUrl`.

As on Lambda with AWS_IAM, a request must be signed (SigV4), and request and answer may have 6 MB.
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import threading
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .execution_environment import Outcome

_MAX_BYTES = 6 * 1024 * 1024  # of the event, and of the function's answer
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)
# Lambda passes these on as they are, and every other body in base64
_TEXTS = ("text/", "application/json", "application/javascript", "application/xml")


class FunctionUrl:
    """An HTTP server on 127.0.0.1 for one function; `address` is its URL, with a slash at the end.

    Only the permissions are missing: whoever knows the credentials may send requests.
    """

    def __init__(
        self, invoke: Callable[[bytes], Outcome], credentials: tuple[str, str], region: str
    ) -> None:
        """Starts the server.

        Args:
            invoke: called with an event; runs the function.
            credentials: access key and secret key of the one caller.
            region: part of the signature.
        """
        self._invoke = invoke
        self._credentials = credentials
        self._region = region
        url = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline:
                    self.close_connection = True
                elif self.parse_request():
                    url._answer(self)
                    self.wfile.flush()

            def log_request(self, *arguments: object) -> None:
                pass  # the default writes a line for each request

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if not self._is_signed(request, body):
            message = (
                "The request signature we calculated does not match the signature you provided."
            )
            _reply(request, 403, json.dumps({"message": message}).encode())
            return
        event = json.dumps(self._event(request, body)).encode()
        if len(event) > _MAX_BYTES:
            _reply(request, 413, b'{"message":"Request Entity Too Large"}')
            return
        outcome = self._invoke(event)
        if outcome.is_error or len(outcome.payload) > _MAX_BYTES:
            _reply(request, 502, b'{"message":"Internal Server Error"}')
            return
        answer = json.loads(outcome.payload)
        text = answer.get("body", "")
        data = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
        _reply(request, answer["statusCode"], data, answer.get("headers"))

    def _is_signed(self, request: BaseHTTPRequestHandler, body: bytes) -> bool:
        """Whether the signature is that of the credentials, for this request and body."""
        found = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        if not found:
            return False
        key, day, region, service, names, signature = found.groups()
        signed = {name: request.headers.get(name, "") for name in names.split(";")}
        timestamp = request.headers.get("X-Amz-Date", "")
        if (key, region, service) != (self._credentials[0], self._region, "lambda"):
            return False
        if not timestamp.startswith(day) or not {"host", "x-amz-date"} <= set(signed):
            return False
        url = f"http://{request.headers['Host']}{request.path}"
        signed.pop("x-amz-content-sha256", None)  # computed from the body below
        again = AWSRequest(request.command, url, headers=signed, data=body)
        again.context["timestamp"] = timestamp
        signer = _Signer(Credentials(*self._credentials), service, region, names)
        text = signer.string_to_sign(again, signer.canonical_request(again))
        return hmac.compare_digest(signer.signature(text, again), signature)

    def _event(self, request: BaseHTTPRequestHandler, body: bytes) -> dict[str, Any]:
        parts = urlsplit(request.path)
        headers = {name.lower(): value for name, value in request.headers.items()}
        del headers["authorization"]
        is_text = headers.get("content-type", "").startswith(_TEXTS)
        host = headers["host"]
        return {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": parts.path,
            "rawQueryString": parts.query,
            "headers": headers,
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "local",
                "domainName": host,
                "domainPrefix": "local",
                "http": {
                    "method": request.command,
                    "path": parts.path,
                    "protocol": request.request_version,
                    "sourceIp": request.client_address[0],
                    "userAgent": headers.get("user-agent", ""),
                },
                "requestId": str(uuid.uuid4()),
                "routeKey": "$default",
                "stage": "$default",
            },
            "body": body.decode(errors="replace") if is_text else base64.b64encode(body).decode(),
            "isBase64Encoded": not is_text,
        }


class _Signer(SigV4Auth):
    """Signs the headers that the sender has signed, with the digest of the body that arrived."""

    def __init__(self, credentials: Credentials, service: str, region: str, names: str) -> None:
        super().__init__(credentials, service, region)
        self._names = set(names.split(";"))

    def headers_to_sign(self, request: AWSRequest) -> Any:
        """Returns the headers that the sender has signed."""
        headers = super().headers_to_sign(request)
        if "x-amz-content-sha256" in self._names:
            headers["x-amz-content-sha256"] = self.payload(request)
        return headers


def _reply(
    request: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
) -> None:
    try:
        request.send_response(status)
        for name, value in (headers or {"content-type": "application/json"}).items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)
    except OSError:
        request.close_connection = True  # the caller has gone
