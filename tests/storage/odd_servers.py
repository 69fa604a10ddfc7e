"""Servers that answer as no good S3 does; see `RefusingServer` and `DamagingProxy`."""

from __future__ import annotations

import http.client
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit


class _Server:
    """Answers each request by `answer`, on 127.0.0.1."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def requests(self) -> int:
        return len(self.headers)

    def note(self, headers: dict[str, str]) -> None:
        with self._lock:
            self.headers.append({name.lower(): value for name, value in headers.items()})

    def answer(self, handler: _Handler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        raise NotImplementedError


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    owner: _Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.owner.note(dict(self.headers.items()))
        status, headers, data = self.owner.answer(self, body)
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        self.wfile.flush()

    do_HEAD = do_PUT = do_GET  # noqa: N815 - as http.server calls them

    def log_message(self, *arguments: object) -> None:
        """Logs nothing."""


class RefusingServer(_Server):
    """Refuses every request with a status and S3's code, after some seconds."""

    def __init__(self, status: int, code: str, *, seconds: float = 0) -> None:
        super().__init__()
        self._status = status
        self._body = f"<Error><Code>{code}</Code><Message>by the test</Message></Error>".encode()
        self._seconds = seconds

    def answer(self, handler: _Handler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        time.sleep(self._seconds)
        return self._status, [("Content-Type", "application/xml")], self._body


class DamagingProxy(_Server):
    """Passes requests on, and changes the answers.

    etag: replaces the ETag that S3 gives, and is passed on as S3's own. header: is added. damaged:
    the number of answers, from the first one, in whose body a bit is wrong.
    """

    def __init__(
        self,
        upstream: str,
        *,
        etag: str | None = None,
        header: tuple[str, str] | None = None,
        damaged: int = 0,
    ) -> None:
        super().__init__()
        self._upstream = urlsplit(upstream).netloc
        self._etag = etag
        self._header = header
        self._damaged = damaged

    def answer(self, handler: _Handler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self._upstream, timeout=60)
        sent = {name: value for name, value in handler.headers.items() if name != "If-Match"}
        if self._etag is None:
            sent = dict(handler.headers.items())
        connection.request(handler.command, handler.path, body, sent)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        headers = [
            (name, value)
            for name, value in answer.getheaders()
            if name.lower() not in ("connection", "transfer-encoding")
        ]
        if self._etag:
            headers = [one for one in headers if one[0].lower() != "etag"]
            headers.append(("ETag", f'"{self._etag}"'))
        if self._header:
            headers.append(self._header)
        if self.requests <= self._damaged:
            data = bytes([data[0] ^ 1]) + data[1:]
        return answer.status, headers, data
