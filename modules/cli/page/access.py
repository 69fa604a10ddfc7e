"""Who may use the page: only the browser of this machine that has the address; see `protect`."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask, Response

# Nothing from other hosts, no inline code, no frames. Pictures also come from the browser's memory
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the address contains the token
    "X-Content-Type-Options": "nosniff",
}


def protect(app: Flask, token: str, port: int) -> None:
    """Refuses requests that do not come from the page itself, and sets the security headers.

    The token in the path keeps other users and programs out. The Host header must name this
    machine, so that a foreign name that resolves to 127.0.0.1 (DNS rebinding) is of no use. The
    Origin and Sec-Fetch-Site headers, which browsers set, keep other sites out.
    """
    from flask import abort, request

    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
    origins = {f"http://{host}" for host in hosts}

    @app.before_request
    def refuse_others() -> None:
        if request.headers.get("Host") not in hosts:
            abort(403, "this page is for 127.0.0.1 only")
        first = request.path.split("/")[1]
        if not hmac.compare_digest(first.encode(), token.encode()):
            abort(404, "use the whole address that the command printed")
        origin = request.headers.get("Origin")
        is_reading = request.method in ("GET", "HEAD")
        if origin not in origins and not (is_reading and origin is None):
            abort(403, "requests from other sites are refused")
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            abort(403, "requests from other sites are refused")

    @app.after_request
    def set_headers(response: Response) -> Response:
        response.headers.update(_HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
        return response
