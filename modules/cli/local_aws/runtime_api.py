"""The Lambda Runtime API for one process; start at `RuntimeApi`.

What AWS documents under "Using the Lambda runtime API": the runtime client asks for the next
invocation, and posts its response or error.
"""

from __future__ import annotations

import json
import queue
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ROOT = "/2018-06-01/runtime"


@dataclass
class Invocation:
    """One event on its way through a process, and what came of it."""

    request_id: str
    payload: bytes
    deadline_ms: int
    function_arn: str
    response: bytes | None = None
    error: bytes | None = None
    answered: threading.Event = field(default_factory=threading.Event)

    def fail(self, kind: str, message: str) -> None:
        """Answers in the runtime's place."""
        self.error = json.dumps({"errorType": kind, "errorMessage": message}).encode()
        self.answered.set()


class RuntimeApi:
    """Serves one process: `invoke` hands it an event, `address` is where it asks for it."""

    def __init__(self) -> None:
        self._pending: queue.Queue[Invocation] = queue.Queue()
        self._current: Invocation | None = None
        self.init_error: bytes | None = None
        self.ready = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or each call waits 44 ms for an acknowledgement

            def do_GET(self) -> None:
                api._send_next(self)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                api._take(self.path.removeprefix(_ROOT), body)
                _reply(self, 202, b"{}")

            def log_request(self, *arguments: object) -> None:
                pass  # a line a call otherwise

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def invoke(self, invocation: Invocation) -> None:
        """Has the process's next question answered with this."""
        self._pending.put(invocation)

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()

    def _send_next(self, request: BaseHTTPRequestHandler) -> None:
        self.ready.set()
        invocation = self._current = self._pending.get()
        trace = f"Root=1-00000000-{invocation.request_id[-12:]:0>24};Sampled=0"
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
            "Lambda-Runtime-Trace-Id": trace,
        }
        _reply(request, 200, invocation.payload, headers)

    def _take(self, path: str, body: bytes) -> None:
        if path == "/init/error":
            self.init_error = body
            self.ready.set()
            return
        invocation = self._current
        if invocation is None or invocation.request_id not in path:
            return
        if path.endswith("/response"):
            invocation.response = body
        else:
            invocation.error = body
        invocation.answered.set()


def _reply(
    request: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
) -> None:
    try:
        request.send_response(status)
        # without this type the runtime client waits for ever
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)
    except OSError:
        pass  # the process was killed while it waited
