"""moto's server, and how to talk to it and to nobody else; start at `LocalServer`."""

from __future__ import annotations

import logging
import os
import socket
import urllib.request
from typing import Any, Self

import boto3
from moto.server import ThreadedMotoServer

from ...errors import UsageError
from . import moto_s3

REGION = "us-east-1"
_HOST = "127.0.0.1"


class LocalServer:
    """Every AWS service that moto plays, over HTTP.

    `environment` holds the variables that make an AWS SDK, and all that is built on one, talk to
    it: made-up credentials, and nothing of the account that the machine may be set up for.
    """

    def __init__(self, *, port: int = 0) -> None:
        """`port` 0 takes any that is free."""
        self._port = port

    def __enter__(self) -> Self:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request otherwise
        _check_port(self._port)
        moto_s3.install()
        self._server = ThreadedMotoServer(ip_address=_HOST, port=self._port, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        return self

    def __exit__(self, *exception: object) -> None:
        # moto keeps what it holds for as long as the process lasts, not the server
        request = urllib.request.Request(f"{self.endpoint}/moto-api/reset", method="POST")  # noqa: S310 - our own
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        direct.open(request).close()
        self._server.stop()

    def client(self, service: str) -> Any:
        """A boto3 client of this server."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )


def _check_port(port: int) -> None:
    """Raises UsageError if a port is taken; moto's server would wait for ever."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            raise UsageError(f"port {port} is taken; choose another with --port") from None
