"""A proxy in front of S3 that breaks requests and answers; start at `FaultyProxy`."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

from tests.faults.faults import Choose, Fault, no_fault

_REFUSALS = {
    Fault.ERROR: (500, "InternalError", "We encountered an internal error. Please try again."),
    Fault.ERROR_AFTER: (500, "InternalError", "We encountered an internal error."),
    Fault.SLOW_DOWN: (503, "SlowDown", "Please reduce your request rate."),
    Fault.DENIED: (403, "AccessDenied", "Access Denied"),
    Fault.EXPIRED: (400, "ExpiredToken", "The provided token has expired."),
}
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class _Answer:
    """An answer of S3."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class FaultyProxy:
    """Forwards requests to the server at `upstream`; `endpoint` is the proxy's address.

    choose: decides which fault a request gets; may be replaced at any time. injected: counts the
    faults. on_answer: called for each request that the server answered, with method, path, body and
    the answer's status, even if the client does not get this answer.
    """

    def __init__(self, upstream: str, choose: Choose = no_fault, slow_seconds: float = 0.3) -> None:
        self._upstream = urlsplit(upstream).netloc
        self.choose = choose
        self.slow_seconds = slow_seconds
        self.requests = 0
        self.injected: Counter[Fault] = Counter()
        self.on_answer: Callable[[str, str, bytes, int], None] = lambda *request: None
        self._seen: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        serve = threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True)
        serve.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def next_fault(self, method: str, path: str) -> Fault | None:
        """Decides what happens to a request that has arrived."""
        with self._lock:
            self.requests += 1
            fault = self.choose(method, path, self._seen[method, path])
            self._seen[method, path] += 1
            if fault:
                self.injected[fault] += 1
            return fault

    def connect(self) -> http.client.HTTPConnection:
        """Opens a connection to the server."""
        return http.client.HTTPConnection(self._upstream, timeout=60)


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client, with a connection to the server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise each answer waits 40 ms for an acknowledgement
    wbufsize = -1  # sends head and body in one piece
    proxy: FaultyProxy

    def setup(self) -> None:
        super().setup()
        self._server_side = self.proxy.connect()

    def finish(self) -> None:
        self._server_side.close()
        super().finish()

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client closed it
            super().handle()

    def handle_expect_100(self) -> bool:
        """Requests the body at once; otherwise the client waits for a second."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def log_message(self, *arguments: object) -> None:
        """Logs nothing: there would be a line per request."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.proxy.next_fault(self.command, self.path)
        if fault is Fault.RESET:
            self._reset()
        elif fault in _REFUSALS and fault is not Fault.ERROR_AFTER:
            self._send(_refusal(*_REFUSALS[fault]))
        else:
            self._answer(self._pass_on(body), fault)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - as http.server calls them

    def _pass_on(self, body: bytes) -> _Answer:
        self._server_side.request(self.command, self.path, body, dict(self.headers.items()))
        answer = self._server_side.getresponse()
        headers = [(k, v) for k, v in answer.getheaders() if k.lower() not in _HOP_BY_HOP]
        if self.command == "HEAD":
            headers.append(("Content-Length", answer.getheader("Content-Length", "0")))
        done = _Answer(answer.status, headers, answer.read())
        self.proxy.on_answer(self.command, self.path, body, done.status)
        return done

    def _answer(self, answer: _Answer, fault: Fault | None) -> None:
        """Sends the server's answer, or breaks it."""
        length = len(answer.body)
        if fault is Fault.SLOW:
            time.sleep(self.proxy.slow_seconds)
        if fault is Fault.RESET_AFTER:
            self._reset()
        elif fault is Fault.ERROR_AFTER:
            self._send(_refusal(*_REFUSALS[fault]))
        elif fault is Fault.TOO_SHORT and length:
            self._send(answer, length=length // 2)
        elif fault is Fault.TOO_LONG:
            self._send(answer, length=length + 100)
            self.close_connection = True
        elif fault in (Fault.CUT, Fault.RESET_IN_BODY):
            self._send(_Answer(answer.status, answer.headers, answer.body[: length // 2]), length)
            self.close_connection = True
            if fault is Fault.RESET_IN_BODY:
                time.sleep(0.01)  # a reset discards what the client has not read yet
                self._reset()
        else:
            self._send(answer)

    def _send(self, answer: _Answer, length: int | None = None) -> None:
        """Sends an answer whose Content-Length is `length`; None for the correct one."""
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(answer.body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    def _reset(self) -> None:
        """Closes the connection with a TCP reset."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def _refusal(status: int, code: str, message: str) -> _Answer:
    """Returns an error in the format of S3."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message>"
        "<RequestId>4442587FB7D0A2F9</RequestId><HostId>made-up</HostId></Error>"
    )
    return _Answer(status, [("Content-Type", "application/xml")], body.encode())
