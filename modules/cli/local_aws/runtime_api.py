"""The Lambda Runtime API for one process of a function; start at `RuntimeApi`.

The runtime client in that process gets the next invocation over HTTP, and posts its response or
error. AWS documents this under "Using the Lambda runtime API".
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
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
    """One event for a process, and its response or error once `answered` is set.

    Attributes:
        deadline_ms: when the function's timeout ends, in milliseconds since 1970.
    """

    request_id: str
    payload: bytes
    deadline_ms: int
    function_arn: str
    response: bytes | None = None
    error: bytes | None = None
    answered: threading.Event = field(default_factory=threading.Event)

    def fail(self, kind: str, message: str) -> None:
        """Sets an error for a process that has not answered itself."""
        self.error = json.dumps({"errorType": kind, "errorMessage": message}).encode()
        self.answered.set()


class RuntimeApi:
    """An HTTP server for one process, which must be given `address` as AWS_LAMBDA_RUNTIME_API."""

    def __init__(self) -> None:
        self._pending: queue.Queue[Invocation] = queue.Queue()
        self._current: Invocation | None = None
        self.init_error: bytes | None = None
        self.ready = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # otherwise each call waits 44 ms for an acknowledgement

            def do_GET(self) -> None:
                api._send_next(self)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                api._take(self.path.removeprefix(_ROOT), body)
                _reply(self, 202, b"{}")

            def log_request(self, *arguments: object) -> None:
                pass  # the default writes a line for each call

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def invoke(self, invocation: Invocation) -> None:
        """Queues an invocation: the process gets it when it next asks for one."""
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
        # without this header the runtime client waits for ever
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)
    except OSError:
        pass  # the process was killed while it waited for the answer
