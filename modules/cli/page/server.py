"""The page's HTTP server and its addresses; see `PageServer`.

Flask: moto, the local AWS, needs it anyway, and its requests are threads, as boto3's are.
"""

from __future__ import annotations

import logging
import socket
import threading
from pathlib import Path
from typing import Any, Self

from flask import Blueprint, Flask, Response, jsonify, request, send_from_directory
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

from ...errors import (
    ImageError,
    ObjectChangedError,
    ObjectGoneError,
    PermanentError,
    TransientError,
    UsageError,
)
from .access import protect
from .pictures import make_view
from .site import Site

_HOST = "127.0.0.1"
_STATIC = Path(__file__).parent / "static"
_MOST_RESULTS = 200  # in one answer
_SIDES = (320, 1600, 0)  # of a view, in pixels; 0 for the picture's own


class PageServer:
    """Serves the page on 127.0.0.1. address: where, with the token."""

    def __init__(self, site: Site, port: int | None, usual_port: int, token: str) -> None:
        """Listens on `port`; or on the usual port, or on a free one if that is taken.

        Raises:
            UsageError: `port` is taken.
        """
        self._socket = _listen(port, usual_port)
        number = self._socket.getsockname()[1]
        self.address = f"http://{_HOST}:{number}/{token}/"
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # INFO is a line per request
        app = create_app(site, token, number)
        self._server = make_server(_HOST, number, app, threaded=True, fd=self._socket.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.server_close()
        self._socket.close()

    def serve(self) -> None:
        """Serves until the process is interrupted, or `stop` is called by another thread."""
        self._server.serve_forever(poll_interval=0.1)

    def start(self) -> None:
        """Serves in another thread."""
        threading.Thread(target=self.serve, daemon=True).start()

    def stop(self) -> None:
        """Ends `serve`."""
        self._server.shutdown()


def _listen(port: int | None, usual_port: int) -> socket.socket:
    try:
        return socket.create_server((_HOST, usual_port if port is None else port))
    except OSError as error:
        if port is None:
            return socket.create_server((_HOST, 0))
        raise UsageError(f"port {port} cannot be used: {error.strerror}") from error


def create_app(site: Site, token: str, port: int) -> Flask:
    """Creates the application; all its addresses begin with the token."""
    app = Flask(__name__, static_folder=None)
    # A megabyte more than a picture may have, so that its size is refused in our own words
    app.config["MAX_CONTENT_LENGTH"] = site.settings.max_image_bytes + 1_000_000
    protect(app, token, port)
    page = Blueprint("page", __name__, url_prefix=f"/{token}")
    _add_files(page)
    _add_data(page, site)
    _add_pictures(page, site)
    app.register_blueprint(page)
    app.register_error_handler(Exception, _describe_error)
    return app


def _add_files(page: Blueprint) -> None:
    @page.get("/")
    def index() -> Response:
        return send_from_directory(_STATIC, "page.html")

    @page.get("/static/<name>")
    def static(name: str) -> Response:
        return send_from_directory(_STATIC, name)


def _add_data(page: Blueprint, site: Site) -> None:
    page.get("/site")(site.describe)
    page.get("/failures")(site.failures)
    page.get("/model")(site.model)

    @page.post("/pictures")
    def upload() -> Any:
        return site.upload(request.args["name"], request.get_data(cache=False))

    @page.post("/answers")
    def answers() -> Any:
        return site.answers(request.get_json())

    @page.post("/results")
    def results() -> Any:
        wanted = request.get_json()
        count = min(int(wanted.get("count", 60)), _MOST_RESULTS)
        query, is_fresh = str(wanted.get("query", "")), wanted.get("fresh") is True
        return site.results.page(wanted.get("after"), count, query, is_fresh=is_fresh)

    @page.get("/result")
    def result() -> Any:
        return site.result(request.args["key"])

    @page.post("/retry")
    def retry() -> Any:
        site.retry(str(request.get_json()["key"]))
        return {}

    @page.post("/model")
    def choose() -> Any:
        site.choose(str(request.get_json()["prefix"]))
        return {}


def _add_pictures(page: Blueprint, site: Site) -> None:
    @page.get("/view")
    def view() -> Response:
        """Sends a picture as a JPEG that every browser shows, upright and not too large."""
        side = int(request.args["side"])
        if side not in _SIDES:
            raise UsageError(f"side={side} cannot work: it must be one of {_SIDES}")
        key = request.args["key"]
        document = None
        if request.args.get("of") == "annotated":
            data, document = site.shown(key)
        else:
            data = site.original(key, request.args.get("etag"))
        view = make_view(data, side, site.settings.max_image_pixels, document)
        response = Response(view, 200)
        response.mimetype = "image/jpeg"
        # The address contains the version, so the same address always has the same bytes
        response.headers["Cache-Control"] = "private, max-age=86400, immutable"
        return response

    @page.get("/annotated")
    def annotated() -> Response:
        found = site.annotated(request.args["key"])
        response = Response(found.data, 200, mimetype=found.media_type)
        response.headers["Content-Disposition"] = "attachment"
        return response


def _describe_error(error: Exception) -> tuple[Response, int]:
    """Returns an error's message as JSON, and its HTTP status."""
    statuses: list[tuple[type[Exception], int]] = [
        (ObjectGoneError, 404),
        (ObjectChangedError, 409),
        (ImageError, 422),
        (UsageError, 400),
        (PermanentError, 422),
        (TransientError, 502),
        (KeyError, 400),
        (ValueError, 400),
        (TypeError, 400),
    ]
    if isinstance(error, HTTPException):
        return jsonify(error=error.description), error.code or 500
    for kind, status in statuses:
        if isinstance(error, kind):
            return jsonify(error=str(error)), status
    logging.getLogger(__name__).error("the page failed", exc_info=error)
    return jsonify(error="the page failed; see the messages of the command"), 500
