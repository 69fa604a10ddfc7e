"""A plain moto server, and the environment that makes AWS SDKs use it; start at `MotoServer`."""

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


class MotoServer:
    """moto's server: imitations of AWS services over HTTP, on 127.0.0.1.

    `environment` holds the environment variables that make AWS SDKs and tools use this server: its
    endpoint and invented credentials. They hide the AWS account that the machine is set up for.
    """

    def __init__(self, *, port: int = 0) -> None:
        """Prepares the server; `port` 0 takes any free port."""
        self._port = port

    def __enter__(self) -> Self:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # INFO is a line per request
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
        self.reset()
        self._server.stop()

    def reset(self) -> None:
        """Deletes everything that moto holds; it would outlive the server otherwise."""
        request = urllib.request.Request(f"{self.endpoint}/moto-api/reset", method="POST")  # noqa: S310 - our own
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        direct.open(request).close()

    def client(self, service: str) -> Any:
        """Returns a boto3 client of this server for a service, such as "s3"."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )


def is_free(port: int) -> bool:
    """Returns whether a server can listen on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
        return True


def _check_port(port: int) -> None:
    """Raises UsageError if a port is taken, because moto's server would wait for ever."""
    if not is_free(port):
        raise UsageError(f"port {port} is taken; choose another with --port")
