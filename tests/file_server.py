"""An HTTP server on this machine, with faults that a test selects."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256


@dataclass
class FileServer:
    """The served files, and the faults of the answers.

    files: contents by path. ranges: whether the server supports Range and If-Range. etags, lengths:
    whether it sends ETag and Content-Length. cuts: for each of the next answers, the number of
    bytes of the body after which the connection closes. statuses: error statuses for the next
    requests. pause: seconds before each quarter of a body. requests: (path, Range) of every request
    so far.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    etags: bool = True
    lengths: bool = True
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    pause: float = 0.0
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    address: str = ""

    @contextlib.contextmanager
    def running(self) -> Iterator[FileServer]:
        """Serves on a free port, and sets `address`."""
        handler = type("Handler", (_Handler,), {"settings": self})
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.address = f"http://127.0.0.1:{server.server_port}"
            yield self
            server.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    settings: FileServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        settings = self.settings
        settings.requests.append((self.path, self.headers.get("Range")))
        data = settings.files.get(self.path.lstrip("/"))
        if settings.statuses or data is None:
            self.send_error(settings.statuses.pop(0) if settings.statuses else 404)
            return
        tag = f'"{sha256(data).hexdigest()[:8]}"'
        start = self._start(tag) if settings.ranges else 0
        if start and start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if settings.etags:
            self.send_header("ETag", tag)
        if settings.lengths:
            self.send_header("Content-Length", str(len(data) - start))
        self.send_header("Connection", "close")
        self.end_headers()
        self._send(data[start:])

    def _start(self, tag: str) -> int:
        requested = self.headers.get("Range")
        if not requested or self.headers.get("If-Range", tag) != tag:
            return 0
        return int(requested.removeprefix("bytes=").removesuffix("-"))

    def _send(self, body: bytes) -> None:
        body = body[: self.settings.cuts.pop(0)] if self.settings.cuts else body
        step = max(1, len(body) // 4) if self.settings.pause else max(1, len(body))
        with contextlib.suppress(OSError):  # the client may close the connection
            for start in range(0, len(body), step):
                time.sleep(self.settings.pause)
                self.wfile.write(body[start : start + step])
        self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        """Logs nothing."""
