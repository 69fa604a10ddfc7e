"""A real HTTP server on this machine, as good or as bad as a test wants it."""

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
    """What it serves, and how.

    files: by path. ranges: whether it honours Range and If-Range. etags, lengths: whether it sends
    them. cuts: after how many bytes of a body the next answers break off. statuses: what the next
    requests are answered with instead. pause: seconds between the pieces of a body. requests:
    (path, Range) of all that came.
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
        """Serves on a free port, which `address` then holds."""
        handler = type("Handler", (_Handler,), {"shelf": self})
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.address = f"http://127.0.0.1:{server.server_port}"
            yield self
            server.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    shelf: FileServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        shelf = self.shelf
        shelf.requests.append((self.path, self.headers.get("Range")))
        data = shelf.files.get(self.path.lstrip("/"))
        if shelf.statuses or data is None:
            self.send_error(shelf.statuses.pop(0) if shelf.statuses else 404)
            return
        tag = f'"{sha256(data).hexdigest()[:8]}"'
        start = self._start(tag) if shelf.ranges else 0
        if start and start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if shelf.etags:
            self.send_header("ETag", tag)
        if shelf.lengths:
            self.send_header("Content-Length", str(len(data) - start))
        self.send_header("Connection", "close")
        self.end_headers()
        self._send(data[start:])

    def _start(self, tag: str) -> int:
        asked = self.headers.get("Range")
        if not asked or self.headers.get("If-Range", tag) != tag:
            return 0
        return int(asked.removeprefix("bytes=").removesuffix("-"))

    def _send(self, body: bytes) -> None:
        body = body[: self.shelf.cuts.pop(0)] if self.shelf.cuts else body
        step = max(1, len(body) // 4) if self.shelf.pause else max(1, len(body))
        with contextlib.suppress(OSError):  # the client may have had enough
            for start in range(0, len(body), step):
                time.sleep(self.shelf.pause)
                self.wfile.write(body[start : start + step])
        self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        """Says nothing."""
